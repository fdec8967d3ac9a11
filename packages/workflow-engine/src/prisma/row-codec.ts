// Records to rows of a client and back. A field without a column is packed into the model's Json column that has room, under "$row";
// whoever reads a record sees nothing of it.
import { WorkflowEngineError } from "../errors.ts";
import { toDollars, toPico } from "../store/pico-dollars.ts";
import type { FieldName, Row } from "./client.ts";
import type { FieldKind, ModelPlan } from "./models.ts";

const roomKey = "$row";
const valueKey = "$value";
const longestInt = 2 ** 31 - 1;
const picoPerUsd = 1e12;

/** Translates one model for one client. */
export class RowCodec {
  readonly plan: ModelPlan;
  readonly #types: ReadonlyMap<string, string>;
  /** Fields that have no column and must not be lost. */
  readonly #packed: readonly string[];
  readonly #isPostgres: boolean;

  /** Throws NOT_CONFIGURED when a field has neither a column nor room. */
  constructor(plan: ModelPlan, fields: readonly FieldName[], isPostgres: boolean) {
    this.plan = plan;
    this.#isPostgres = isPostgres;
    this.#types = new Map(fields.map(({ name, type }) => [name, type]));
    const lacking = Object.keys(plan.fields).filter((field) => !this.#types.has(field));
    this.#packed = lacking.filter((field) => !plan.optional?.includes(field));
    const hasRoom = plan.room !== null && this.#types.has(plan.room);
    if (this.#packed.length > 0 && !hasRoom) {
      throw new WorkflowEngineError(
        "NOT_CONFIGURED",
        `Model ${plan.model} of the Prisma schema lacks ${this.#packed.join(", ")}. Add the fields and run prisma generate.`,
      );
    }
  }

  /** True when the field has a column of its own. */
  hasColumn(field: string): boolean {
    return this.#types.has(field);
  }

  /** True when the field has a column that holds any whole number, and money to the pico-dollar. */
  isExact(field: string): boolean {
    return this.#types.get(field) === "BigInt";
  }

  /** True when these fields cannot be written without knowing what is in the row. */
  needsRow(fields: Row): boolean {
    return this.#packed.length > 0 && Object.keys(fields).some((field) => field === this.plan.room || this.#packed.includes(field));
  }

  /** Columns of a new row. Undefined fields are left out. */
  toInsert(fields: Row): Row {
    return this.#packInto(this.toSet(fields), fields);
  }

  /** Columns that change of a row that held `before`. */
  toUpdate(fields: Row, before: Row): Row {
    const columns = this.toSet(fields);
    return this.needsRow(fields) ? this.#packInto(columns, { ...before, ...definedOf(fields) }) : columns;
  }

  /** Columns of those fields that have one. */
  toSet(fields: Row): Row {
    const columns: Row = {};
    for (const [field, value] of Object.entries(fields)) {
      const kind = this.plan.fields[field];
      if (value !== undefined && kind && this.hasColumn(field)) columns[field] = this.#encode(value, kind, field);
    }
    return columns;
  }

  /** The record of a row: every field of the model, null where there is nothing. */
  toRecord<T>(row: Row): T {
    const { room } = this.plan;
    const { packed, value } = unpack(room === null ? null : row[room]);
    const record: Row = {};
    for (const [field, kind] of Object.entries(this.plan.fields)) {
      const own = field === room ? value : row[field];
      record[field] = own === null || own === undefined ? decodePacked(packed[field], kind) : decode(own, kind);
    }
    return record as T;
  }

  #packInto(columns: Row, record: Row): Row {
    const { room, isWrapped = false } = this.plan;
    if (this.#packed.length === 0) return columns;
    const packed = Object.fromEntries(
      this.#packed.flatMap((field) => (record[field] === null || record[field] === undefined ? [] : [[field, record[field]]])),
    );
    const value = record[room!] ?? null;
    const isPlain = Object.keys(packed).length === 0;
    if (isWrapped)
      columns[room!] = this.#json(isPlain && !hasKey(value, roomKey) ? value : { [roomKey]: packed, [valueKey]: value }, room!);
    else if (isPlain) columns[room!] = value === null ? null : this.#json(value, room!);
    else
      columns[room!] = this.#json({ ...(value as Row | null), [roomKey]: { ...packed, ...(value === null && { isEmpty: true }) } }, room!);
    return columns;
  }

  #encode(value: unknown, kind: FieldKind, field: string): unknown {
    if (value === null) return null;
    if (kind === "json") return this.#json(value, field);
    if (kind === "text") return this.#text(value as string, field);
    const isBig = this.isExact(field);
    if (kind === "pico") return isBig ? value : toDollars(value as bigint);
    if (kind === "usd") return isBig ? BigInt(Math.round((value as number) * picoPerUsd)) : value;
    // a duration of 25 days does not fit the column that the smallest schema has for it: the longest one does
    if (kind === "int")
      return isBig ? BigInt(Math.round(value as number)) : Math.max(-longestInt, Math.min(longestInt, Math.round(value as number)));
    return value;
  }

  #json(value: unknown, field: string): unknown {
    let text: string | undefined;
    try {
      text = JSON.stringify(value);
    } catch (cause) {
      throw new WorkflowEngineError("PAYLOAD_NOT_JSON", `${this.plan.model}.${field} cannot be stored as JSON: ${String(cause)}`, {
        cause,
      });
    }
    if (text === undefined || text === "null") return null;
    // JSON text escapes what is no character, so that it is found here and not by the database, in the middle of a transaction
    if (/\\ud[89a-f]/.test(text) || (this.#isPostgres && text.includes("\\u0000"))) this.#checkText(text, field);
    return JSON.parse(text);
  }

  #checkText(text: string, field: string): void {
    const escapes = text.match(/\\(?:u[0-9a-f]{4}|.)/g) ?? [];
    const isBad = (found: string): boolean => /^\\ud[89a-f]/.test(found) || (this.#isPostgres && found === "\\u0000");
    if (escapes.some(isBad)) this.#refuse(field);
  }

  #text(value: string, field: string): string {
    if (!value.isWellFormed() || (this.#isPostgres && value.includes("\u0000"))) this.#refuse(field);
    return value;
  }

  #refuse(field: string): never {
    const what = this.#isPostgres ? "a NUL character or a lone surrogate" : "a lone surrogate";
    throw new WorkflowEngineError(
      "STORE_REFUSED",
      `${this.plan.model}.${field} holds ${what}, which the database cannot keep. Remove it from the text.`,
    );
  }
}

/** The object without fields that are undefined. */
export function definedOf(fields: Row): Row {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

function decode(value: unknown, kind: FieldKind): unknown {
  if (kind === "pico") return typeof value === "bigint" ? value : toPico(Number(value));
  if (kind === "usd") return typeof value === "bigint" ? Number(value) / picoPerUsd : Number(value);
  return typeof value === "bigint" ? Number(value) : value;
}

function decodePacked(value: unknown, kind: FieldKind): unknown {
  if (value === null || value === undefined) return null;
  return kind === "date" ? new Date(value as string) : value;
}

function hasKey(value: unknown, key: string): value is Row {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key);
}

function unpack(stored: unknown): { packed: Row; value: unknown } {
  if (!hasKey(stored, roomKey)) return { packed: {}, value: stored };
  const { [roomKey]: packed, ...own } = stored as { [roomKey]: Row };
  if (valueKey in own) return { packed, value: (own as Row)[valueKey] };
  return { packed, value: packed["isEmpty"] === true ? null : own };
}
