// Bind messages of statements over many rows: an array a column, in the binary format of its type, straight from the rows. No literal is put
// together here and none is parsed there, which took each side half as much again. The message is that of the extended protocol
// (https://www.postgresql.org/docs/18/protocol-message-formats.html), an array what `array_recv` of PostgreSQL reads.
import type { Row, SqlValue } from "../db.ts";
import type { ColumnType } from "../dialect.ts";
import { intOf, type ManyRows } from "./postgres-values.ts";

const FIRST_BYTES = 65_536;
/** A text so short is given room without asking how long it is. */
const SHORT = 64;
/** More is not kept for the next messages. */
const MOST_KEPT_BYTES = 1_048_576;

const BIND = 0x42;
const BINARY = 1;
const NUMBER_BYTES = 8;
/** Types of elements: those of text, bigint and float8. */
const elementTypes: Partial<Record<ColumnType, number>> = { text: 25, int: 20, real: 701 };

/** Writes messages one behind the other, into memory of its own. */
export class BindWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = viewOf(this.#bytes);
  #start = 0;
  #at = 0;

  /** Begins anew: what was written before is not needed any more. */
  rewind(): void {
    this.#at = 0;
    if (this.#bytes.length > MOST_KEPT_BYTES) this.#use(Buffer.allocUnsafeSlow(FIRST_BYTES));
  }

  /** The message that binds these rows to a prepared statement; it stays as it is until `rewind`. */
  write(statement: string, { columns, rows }: ManyRows): Buffer {
    const types = Object.values(columns);
    this.#start = this.#at;
    this.#reserve(5);
    this.#view.setUint8(this.#at, BIND);
    this.#at += 5;
    // the portal has no name
    this.#characters("\0");
    this.#characters(`${statement}\0`);
    this.#int16(1);
    this.#int16(BINARY);
    this.#int16(types.length);
    for (let i = 0; i < types.length; i++) {
      const type = types[i]!;
      if (type === "instant") this.#int(rows[0]![i]!);
      else this.#array(type, rows, i);
    }
    // answers come as text
    this.#int16(0);
    this.#view.setInt32(this.#start + 1, this.#at - this.#start - 1);
    return this.#bytes.subarray(this.#start, this.#at);
  }

  #array(type: ColumnType, rows: readonly Row[], column: number): void {
    this.#at += 4;
    const before = this.#at - this.#start;
    this.#int32(1); // dimension
    this.#int32(1); // there may be nulls
    this.#int32(elementTypes[type]!);
    this.#int32(rows.length);
    this.#int32(1); // is the first index
    for (let i = 0; i < rows.length; i++) {
      const value = rows[i]![column]!;
      if (value === null || value === undefined) this.#int32(-1);
      else if (type === "text") this.#text(String(value));
      else if (type === "real") this.#real(Number(value));
      else this.#int(value);
    }
    const length = this.#at - this.#start - before;
    this.#view.setInt32(this.#start + before - 4, length);
  }

  #real(value: number): void {
    this.#reserve(4 + NUMBER_BYTES);
    this.#view.setInt32(this.#at, NUMBER_BYTES);
    this.#view.setFloat64(this.#at + 4, value);
    this.#at += 4 + NUMBER_BYTES;
  }

  #int(value: SqlValue): void {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) {
      this.#otherInt(intOf(value!));
      return;
    }
    this.#reserve(4 + NUMBER_BYTES);
    const at = this.#at;
    this.#view.setInt32(at, NUMBER_BYTES);
    this.#view.setInt32(at + 4, Math.floor(value / 2 ** 32));
    this.#view.setInt32(at + 8, value);
    this.#at = at + 4 + NUMBER_BYTES;
  }

  #otherInt(text: string): void {
    const value = /^-?\d+$/.test(text) ? BigInt(text) : null;
    if (value !== null && value === BigInt.asIntN(64, value)) {
      this.#int32(NUMBER_BYTES);
      this.#reserve(NUMBER_BYTES);
      this.#view.setBigInt64(this.#at, value);
      this.#at += NUMBER_BYTES;
      // longer than a bigint is, so that the server refuses it
    } else this.#text(text.padEnd(NUMBER_BYTES + 1));
  }

  #text(text: string): void {
    this.#at += 4;
    const length = this.#characters(text);
    this.#view.setInt32(this.#at - length - 4, length);
  }

  /** Answers how many bytes they are. */
  #characters(text: string): number {
    this.#reserve(text.length <= SHORT ? 3 * text.length : Buffer.byteLength(text));
    const length = this.#bytes.write(text, this.#at);
    this.#at += length;
    return length;
  }

  #int16(value: number): void {
    this.#reserve(2);
    this.#view.setInt16(this.#at, value);
    this.#at += 2;
  }

  #int32(value: number): void {
    this.#reserve(4);
    this.#view.setInt32(this.#at, value);
    this.#at += 4;
  }

  /** Makes room, also for a length of 4 bytes that was left out; messages before this one stay where they are. */
  #reserve(size: number): void {
    if (this.#at + size + 4 <= this.#bytes.length) return;
    const bytes = Buffer.allocUnsafeSlow(2 * (this.#at - this.#start + size + 4) + FIRST_BYTES);
    this.#bytes.copy(bytes, 0, this.#start, this.#at);
    this.#use(bytes);
    this.#at -= this.#start;
    this.#start = 0;
  }

  #use(bytes: Buffer): void {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): DataView {
  return new DataView(buffer, byteOffset, length);
}
