// What the store uses of `pg`, by its shape: a pool of the caller's own may come from any version of it.
import { WorkflowEngineError } from "../../errors.ts";
import { Conflict, Unanswered } from "../db.ts";
import type { ManyRows, readers } from "./postgres-values.ts";

/** One query. */
export interface PgQuery {
  text: string;
  name?: string;
  values?: ReadonlyArray<string | null>;
  /** Instead of values, in a train. */
  many?: ManyRows;
  rowMode?: "array";
  types?: typeof readers;
  /** Milliseconds without an answer after which the connection counts as broken. */
  query_timeout?: number;
}

/** What a query answers. */
export interface PgResult {
  rows: unknown[];
  rowCount: number | null;
  command: string;
}

/** The wire below a `pg.Client`. */
export interface PgConnection {
  parse(message: { text: string; name: string }): void;
  bind(message: { portal: string; statement: string; values: ReadonlyArray<string | null> }): void;
  describe(message: { type: "P"; name: string }): void;
  execute(message: { portal: string; rows: number }): void;
  close(message: { type: "S"; name: string }): void;
  sync(): void;
  readonly stream: { write(bytes: Uint8Array): unknown; cork?(): void; uncork?(): void };
}

/** A connection: a `pg.Client`, or one of a `pg.Pool`. */
export interface PgClient {
  query(query: PgQuery): Promise<PgResult>;
  on(event: "error", heard: (error: Error) => void): unknown;
  /** True when queries go out without waiting for the answers of earlier ones. */
  readonly pipeline?: boolean;
  /** The wire below it: a `PgConnection`, which the types of `pg` call by other parameters. */
  readonly connection?: unknown;
}

/** A connection of a pool. */
export interface PgPoolClient extends PgClient {
  release(destroy?: boolean): void;
}

/** A `pg.Pool`. */
export interface PgPool {
  connect(): Promise<PgPoolClient>;
  end?(): Promise<void>;
  on?(event: "error", heard: (error: Error) => void): unknown;
  readonly options?: object;
}

/** What PostgreSQL answers to whom somebody else came in between. */
export const conflicts: ReadonlySet<string> = new Set([
  "40P01", // deadlock
  "40001", // serialization failure
  "23505", // unique: somebody inserted the same in the meantime, and is now to be seen
  "22012", // the check of versions divides by zero
  "26000", // a pooler gave the transaction a session that has not prepared the statement
  "42P05", // or one that has
  "55P03", // lock not available
]);

/** What a server answers to a write that has become a standby: its connections are of use to nobody who writes. */
export const READ_ONLY = "25006";

/** What a failed transaction is to those who asked for it; `isSent` says that its commit may have arrived. */
export function translate(error: unknown, isSent: boolean): unknown {
  if (error instanceof WorkflowEngineError) return error;
  const code = sqlStateOf(error);
  if (code !== null && conflicts.has(code)) return new Conflict(error);
  if (code === READ_ONLY) {
    const text = "The database takes no writes, as a standby does not. Nothing was written; the next call connects anew.";
    return new WorkflowEngineError("STORE_REFUSED", text, { cause: error });
  }
  // 57P01 to 57P05: the server shuts down or ended the session
  if (!isBroken(error) && !(isSent && code === null)) return error;
  return isSent ? new Unanswered(error) : new Conflict(error);
}

/** The five characters that say what PostgreSQL refused; null for what did not come from it. */
export function sqlStateOf(error: unknown): string | null {
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : null;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && "severity" in (error as object) ? code : null;
}

/** True when an answer did not come in time: whatever was connected at the same time may be broken without a word, too. */
export function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

/** True when the connection is of no use any more. */
export function isBroken(error: unknown): boolean {
  const code = sqlStateOf(error);
  if (code !== null) return code.startsWith("57P") || code.startsWith("08");
  if (error instanceof WorkflowEngineError || !(error instanceof Error)) return false;
  if ("code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code)) return true;
  return /Connection terminated|Connection ended|not queryable|read timeout|socket|closed the connection/i.test(error.message);
}
