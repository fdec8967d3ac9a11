// Values as text on their way to and from PostgreSQL. A text whose quoting JSON agrees with is quoted by the runtime's own code, which is
// four times as fast as a regular expression.
import type { Row, SqlValue, Statement } from "../db.ts";
import type { Columns, ColumnType } from "../dialect.ts";

/** Parameters of a statement over many rows. */
export interface ManyRows {
  readonly columns: Columns;
  readonly rows: readonly Row[];
}

const GREATEST_BIGINT = "9223372036854775807";

/** Parameters of a statement over rows, for clients that take no bytes: one array literal a column. */
export function arraysOf({ columns, rows }: ManyRows): Array<string | null> {
  const literalOf = (type: ColumnType, at: number): string => `{${rows.map((row) => elementOf(type, row[at]!)).join(",")}}`;
  return Object.values(columns).map((type, at) => (type === "instant" ? scalarOf(type, rows[0]![at]!) : literalOf(type, at)));
}

function elementOf(type: ColumnType, value: SqlValue): string {
  return type === "text" ? quoteText(value) : (scalarOf(type, value) ?? "NULL");
}

/** Parameters of a statement over one row. */
export function scalarsOf({ columns }: Statement, row: Row): Array<string | null> {
  return Object.values(columns).map((type, at) => scalarOf(type, row[at]!));
}

function scalarOf(type: ColumnType, value: SqlValue): string | null {
  if (value === null || value === undefined) return null;
  if (type === "texts") return `{${(JSON.parse(String(value)) as string[]).map(quoteText).join(",")}}`;
  if (type === "ints") return `{${(JSON.parse(String(value)) as number[]).join(",")}}`;
  return type === "int" || type === "limit" || type === "instant" ? intOf(value) : String(value);
}

/** Instants and counts are whole; a bound that is infinite is the greatest there is. */
export function intOf(value: string | number): string {
  if (typeof value === "string" || Number.isInteger(value)) return String(value);
  if (Number.isFinite(value)) return String(Math.round(value));
  return value > 0 ? GREATEST_BIGINT : `-${GREATEST_BIGINT}`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what JSON spells in another way
const spelledOtherwise = /[\u0000-\u001f\ud800-\udfff]/;
const special = /["\\]/g;

function quoteText(value: SqlValue): string {
  if (value === null || value === undefined) return "NULL";
  const text = String(value);
  if (!spelledOtherwise.test(text)) return JSON.stringify(text);
  return `"${text.replace(special, "\\$&")}"`;
}

const numberTypes = new Set([20, 21, 23, 700, 701, 1700]);
const toText = (text: string): string => text;

/** How answers are read: numbers as numbers, everything else as its text. */
export const readers = {
  getTypeParser: (oid: number): ((text: string) => unknown) => (numberTypes.has(oid) ? Number : toText),
};
