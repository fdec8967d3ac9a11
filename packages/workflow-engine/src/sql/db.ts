// What the store needs of a database: statements written once for every dialect, and transactions that never interleave on a
// connection. A driver implements it; nothing above this file knows which database it talks to.
import type { Dialect } from "./dialect.ts";

/** A value as databases keep it. */
export type SqlValue = string | number | null;

/** One row, by position: reading and binding by position is twice as fast as by name. */
export type Row = readonly SqlValue[];

/** Type of a parameter; `texts` is a list of texts. */
export type ColumnType = "text" | "int" | "real" | "texts";

/** Names and types of a statement's parameters, in the order of their binding. */
export type Columns = Readonly<Record<string, ColumnType>>;

/** One statement. `rows` runs for a list of parameter rows, `one` for exactly one. */
export interface Statement {
  readonly name: string;
  readonly kind: "rows" | "one";
  readonly columns: Columns;
  /** The text in a dialect. */
  render(dialect: Dialect): string;
}

/** What runs inside one transaction, or between others. */
export interface Session {
  readonly dialect: Dialect;
  /** The rows that a statement answers for all of `params`. */
  read(statement: Statement, params: readonly Row[]): Promise<Row[]>;
  /** Runs a statement for all of `params`; answers how many rows changed. */
  write(statement: Statement, params: readonly Row[]): Promise<number>;
  /** Runs statements that have no parameters, as a migration has them. */
  execute(script: string): Promise<void>;
  /** Runs `work` so that its throw undoes only itself. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

/** A database. */
export interface Db {
  /** Runs `work` in a transaction that may write: a throw leaves nothing behind. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Runs `work` on one state of the database; it may not write. */
  reading<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** A number that changes with commits of other processes; null when there can be none, or the database tells by itself. */
  foreignVersion(): number | null;
  close(): Promise<void>;
}
