// Bind messages of statements over many rows: an array a column, in the binary format of its type, straight from the rows. No literal is put
// together here and none is parsed there, which took each side half as much again. The message is that of the extended protocol
// (https://www.postgresql.org/docs/18/protocol-message-formats.html), an array what `array_recv` of PostgreSQL reads.
import type { Row, SqlValue } from "../db.ts";
import type { ColumnType } from "../dialect.ts";
import { intOf, type ManyRows } from "./postgres-values.ts";

const FIRST_BYTES = 65_536;
/** More is not kept for the next messages. */
const MOST_KEPT_BYTES = 1_048_576;
/** Up to so many characters it takes less to copy them here than to ask the runtime. */
const SHORT = 64;

const BIND = 0x42;
const BINARY = 1;
/** Types of elements: those of text, bigint and float8. */
const elementTypes: Partial<Record<ColumnType, number>> = { text: 25, int: 20, real: 701 };

/** Writes messages one behind the other, into memory of its own. */
export class BindWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #start = 0;
  #at = 0;

  /** Begins anew: what was written before is not needed any more. */
  rewind(): void {
    this.#at = 0;
    if (this.#bytes.length > MOST_KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  /** The message that binds these rows to a prepared statement; it stays as it is until `rewind`. */
  write(statement: string, { columns, rows }: ManyRows): Buffer {
    const types = Object.values(columns);
    this.#start = this.#at;
    this.#byte(BIND);
    const lengthAt = this.#int32(0);
    // the portal has no name
    this.#byte(0);
    this.#characters(statement);
    this.#byte(0);
    this.#int16(1);
    this.#int16(BINARY);
    this.#int16(types.length);
    for (const [i, type] of types.entries()) {
      if (type === "instant") this.#element(type, rows[0]![i]!);
      else this.#array(type, rows, i);
    }
    // answers come as text
    this.#int16(0);
    this.#bytes.writeInt32BE(this.#at - this.#start - 1, this.#start + lengthAt);
    return this.#bytes.subarray(this.#start, this.#at);
  }

  #array(type: ColumnType, rows: readonly Row[], column: number): void {
    const lengthAt = this.#int32(0);
    this.#int32(1); // dimension
    this.#int32(1); // there may be nulls
    this.#int32(elementTypes[type]!);
    this.#int32(rows.length);
    this.#int32(1); // is the first index
    for (const row of rows) this.#element(type, row[column]!);
    this.#bytes.writeInt32BE(this.#at - this.#start - lengthAt - 4, this.#start + lengthAt);
  }

  #element(type: ColumnType, value: SqlValue): void {
    if (value === null || value === undefined) this.#int32(-1);
    else if (type === "text") this.#text(String(value));
    else if (type === "real") this.#real(Number(value));
    else if (typeof value === "number" && Number.isSafeInteger(value)) this.#int(value);
    else this.#intOf(intOf(value));
  }

  #real(value: number): void {
    this.#int32(8);
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleBE(value, this.#at);
  }

  #int(value: number): void {
    this.#int32(8);
    this.#int32(Math.floor(value / 2 ** 32));
    this.#int32(value | 0);
  }

  #intOf(text: string): void {
    const value = /^-?\d+$/.test(text) ? BigInt(text) : null;
    if (value !== null && value === BigInt.asIntN(64, value)) {
      this.#int32(8);
      this.#reserve(8);
      this.#at = this.#bytes.writeBigInt64BE(value, this.#at);
      // longer than a bigint is, so that the server refuses it
    } else this.#text(text.padEnd(9));
  }

  #text(text: string): void {
    const lengthAt = this.#int32(0);
    this.#characters(text);
    this.#bytes.writeInt32BE(this.#at - this.#start - lengthAt - 4, this.#start + lengthAt);
  }

  #characters(text: string): void {
    const { length } = text;
    this.#reserve(length <= SHORT ? 3 * length : Buffer.byteLength(text));
    const bytes = this.#bytes;
    let at = this.#at;
    if (length <= SHORT) {
      for (let i = 0; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) {
          this.#at += bytes.write(text, this.#at);
          return;
        }
        bytes[at++] = code;
      }
      this.#at = at;
    } else this.#at += bytes.write(text, at);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#at = this.#bytes.writeInt16BE(value, this.#at);
  }

  /** Answers where in the message it stands. */
  #int32(value: number): number {
    this.#reserve(4);
    this.#at = this.#bytes.writeInt32BE(value, this.#at);
    return this.#at - 4 - this.#start;
  }

  /** Makes room; messages before this one stay where they are. */
  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#at - this.#start + size));
    this.#bytes.copy(bytes, 0, this.#start, this.#at);
    this.#bytes = bytes;
    this.#at -= this.#start;
    this.#start = 0;
  }
}
