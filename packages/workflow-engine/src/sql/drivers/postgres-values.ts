// Values as text on their way to and from PostgreSQL. A text whose quoting JSON agrees with is quoted by the runtime's own code, which is
// four times as fast as a regular expression.
import type { Row, SqlValue, Statement } from "../db.ts";
import type { Columns, ColumnType } from "../dialect.ts";

/** Parameters of a statement over many rows. */
export interface ManyRows {
  readonly columns: Columns;
  readonly rows: readonly Row[];
}

/** Characters, of which each may take three bytes. */
const LONGEST_TEXTS = 256 * 1024 * 1024;
const GREATEST_BIGINT = "9223372036854775807";

/** Parameters of a statement over rows, for clients that take no bytes: one array literal a column. */
export function arraysOf({ columns, rows }: ManyRows): Array<string | null> {
  const literalOf = (type: ColumnType, at: number): string => `{${rows.map((row) => elementOf(type, row[at]!)).join(",")}}`;
  return Object.values(columns).map((type, at) => (type === "instant" ? scalarOf(type, rows[0]![at]!) : literalOf(type, at)));
}

/** Cuts rows of long texts into parts that are a message each: PostgreSQL takes none of more than 1 GiB. */
export function inParts(rows: readonly Row[], most = LONGEST_TEXTS): Array<readonly Row[]> {
  let [begin, length] = [0, 0];
  const parts: Array<readonly Row[]> = [];
  for (const [i, row] of rows.entries()) {
    const own = lengthOf(row);
    if (length + own > most && i > begin) {
      parts.push(rows.slice(begin, i));
      [begin, length] = [i, 0];
    }
    length += own;
  }
  parts.push(begin === 0 ? rows : rows.slice(begin));
  return parts;
}

function lengthOf(row: Row): number {
  let length = 0;
  for (const value of row) if (typeof value === "string") length += value.length;
  return length;
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
