// What the store needs of a database: statements written once for every dialect, and transactions that never interleave on a
// connection. A driver implements it; nothing above this file knows which database it talks to.
import { WorkflowEngineError } from "../errors.ts";
import type { StoreSignal } from "../ports/store.ts";
import type { TransactionClient } from "../ports/transaction.ts";
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
  /** The same as the end of a transaction, with what is sent at once: it may be committed by then. Absent where nothing is won by it. */
  readLast?(statement: Statement, params: readonly Row[]): Promise<Row[]>;
  /** What is committed, read beside the transaction and before it begins: whoever relies on it checks versions. Absent where nothing is won by it. */
  look?(statement: Statement, params: readonly Row[]): Promise<Row[]>;
  /** Runs a statement for all of `params`; answers how many rows changed. */
  write(statement: Statement, params: readonly Row[]): Promise<number>;
  /** Runs a write whose count nobody needs: it may travel with what comes next, and then its error does too. */
  send(statement: Statement, params: readonly Row[]): Promise<void>;
  /** Tells other processes of this transaction, when it commits. */
  announce(signal: StoreSignal): void;
  /** The database's own clock, in milliseconds since the epoch, where leases are judged by it. */
  readClock?(): Promise<number>;
  /** Runs statements that have no parameters, as a migration has them. */
  execute(script: string): Promise<void>;
  /** True inside a transaction of a caller's, which some clients give up after any error: what is expected to happen must not be one. */
  readonly isJoined?: boolean;
  /** Runs `work` so that its throw undoes only itself. */
  attempt<T>(work: () => Promise<T>): Promise<T>;
}

/** Somebody else came in between, or the connection broke before the commit: the same again may succeed. */
export class Conflict extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** The connection broke while a commit was on its way: it may stand, so only what may be done twice is done again. */
export class Unanswered extends WorkflowEngineError {
  constructor(cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const text = `The connection broke during a commit: ${reason}. Whether it was written is not known, look before you do it again.`;
    super("STORE_REFUSED", text, { cause });
  }
}

const MOST_TRIES = 5;

/** Runs a whole transaction again when somebody else came in between (or what else is `expected`), up to five times in all. */
export async function again<T>(transaction: () => Promise<T>, expected: typeof Conflict | typeof Unanswered = Conflict): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await transaction();
    } catch (error) {
      if (!(error instanceof expected) || tries === MOST_TRIES) throw error;
    }
  }
}

/** A database. */
export interface Db {
  /** Runs `work` in a transaction that may write: a throw leaves nothing behind. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Runs `work` on one state of the database; it may not write. */
  reading<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Runs `work` inside the transaction that a caller has open on `client`; a throw undoes what `work` did and nothing else. */
  within<T>(client: TransactionClient, work: (session: Session) => Promise<T>): Promise<T>;
  /** True when every transaction is a part of one of the caller's. */
  readonly isJoined?: boolean;
  /** How many batches of units may be under way at once; 0 when everything takes turns on one connection. */
  readonly lanes: number;
  /** True while all of them had better be one: where there is little to do, one commit costs least. */
  readonly takesTurns?: boolean;
  /** Calls `heard` with what other processes announce; the answer ends that. Absent where nobody announces anything. */
  listen?(heard: (signal: StoreSignal) => void): () => void;
  /** False when nobody else can commit to this database, so that there is nothing to look for. */
  readonly isShared: boolean;
  /** A number that changes with commits of other processes; null when there can be none, or the database tells by itself. */
  foreignVersion(): Promise<number | null>;
  close(): Promise<void>;
}
