// What the store needs of a database: statements written once for every dialect, and transactions that never interleave on a
// connection. A driver implements it; nothing above this file knows which database it talks to.
import type { Dialect, Statement } from "./dialect.ts";

export type { Statement };

/** A value as databases keep it. */
export type SqlValue = string | number | null;

/** One row, by position: reading and binding by position is twice as fast as by name. */
export type Row = readonly SqlValue[];

/** What runs inside one transaction, or between others. */
export interface Session {
  readonly dialect: Dialect;
  /** The rows that a statement answers for all of `params`. */
  read(statement: Statement, params: readonly Row[]): Promise<Row[]>;
  /** Runs a statement for all of `params`; answers how many rows changed. */
  write(statement: Statement, params: readonly Row[]): Promise<number>;
  /** Runs statements that have no parameters, as a migration has them. */
  execute(script: string): Promise<void>;
  /** True when nobody but the owner of this transaction has written since the owner's last one; false when that is not known. */
  readonly isUndisturbed: boolean;
  /** Runs `work` so that its throw undoes only itself. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

/** Owner of writes to what no run store reads back (blobs, model calls, wake-ups): they disturb nobody. */
export const ASIDE: object = {};

/** A database. */
export interface Db {
  /** Runs `work` in a transaction that may write: a throw leaves nothing behind. `owner` wants to know whether others wrote meanwhile. */
  transaction<T>(work: (session: Session) => Promise<T>, owner?: object): Promise<T>;
  /** Runs `work` on one state of the database; it may not write. */
  reading<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** False when nobody else can commit to this database, so that there is nothing to look for. */
  readonly isShared: boolean;
  /** A number that changes with commits of other processes; null when there can be none, or the database tells by itself. */
  foreignVersion(): number | null;
  close(): Promise<void>;
}
