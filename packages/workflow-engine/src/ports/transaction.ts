// A transaction that the caller has open, and a store inside it: what is done there commits or rolls back with the caller's own rows.
// Of a client only the shape is known, so that none of their packages is needed here.
import type { BlobStore } from "./blob-store.ts";
import type { Environment } from "./environment.ts";
import type { JobTransport } from "./job-transport.ts";
import type { Persistence } from "./persistence.ts";
import type { Reader } from "./reader.ts";
import type { Scheduler } from "./scheduler.ts";
import type { HasRunStore, RunStore } from "./store.ts";

/**
 * Runs one statement inside the caller's transaction and answers its rows. PostgreSQL: parameters are `$1`, rows may be objects or arrays.
 * SQLite: parameters are `?`, rows are arrays.
 */
export type TransactionQuery = (text: string, params: Array<string | number | null>) => Promise<readonly unknown[]> | readonly unknown[];

/** A client of `pg` that has sent BEGIN. */
export interface PgTransaction {
  query(...args: never[]): unknown;
}

/** What postgres.js's `sql.begin(async (sql) => ...)` gives. */
export interface PostgresJsTransaction {
  unsafe(...args: never[]): unknown;
}

/** What Prisma's `$transaction(async (tx) => ...)` gives. */
export interface PrismaTransaction {
  $queryRawUnsafe(...args: never[]): unknown;
}

/** What Drizzle's `db.transaction(async (tx) => ...)` gives. */
export interface DrizzleTransaction {
  execute(...args: never[]): unknown;
  rollback(): never;
}

/** What Kysely's `db.transaction().execute(async (trx) => ...)` gives, or `db.startTransaction()`. */
export interface KyselyTransaction {
  executeQuery(...args: never[]): unknown;
  readonly isTransaction: boolean;
}

/** A `DatabaseSync` of `node:sqlite` or a `Database` of `better-sqlite3`, on the store's file, that has run BEGIN IMMEDIATE. */
export interface SqliteTransaction {
  prepare(...args: never[]): unknown;
  exec(...args: never[]): unknown;
}

/** Whatever the caller has its transaction open on; anything else comes as a function that runs a statement there. */
export type TransactionClient =
  | TransactionQuery
  | PgTransaction
  | PostgresJsTransaction
  | PrismaTransaction
  | DrizzleTransaction
  | KyselyTransaction
  | SqliteTransaction;

/** A store inside a transaction of the caller's, of use until that ends; spreads into `createKernel`. */
export interface StoreTransaction {
  readonly persistence: Persistence & HasRunStore;
  readonly jobTransport: JobTransport & HasRunStore;
  readonly blobStore: BlobStore;
  readonly scheduler: Scheduler;
  readonly reader: Reader;
  readonly runStore: RunStore;
  readonly environment: Environment;
  /** The same parts of the store itself, which see nothing of it before the commit. */
  readonly outside: { readonly runStore: RunStore; readonly blobStore: BlobStore; readonly scheduler: Scheduler };
}
