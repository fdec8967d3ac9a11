// The entry for SQLite: one file, no server, durable. Several processes may share the file.
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import { SqliteDb } from "./drivers/sqlite.ts";
import { migrate } from "./migrate.ts";
import { createSqlStore, type SqlStore } from "./whole-store.ts";

/** How to open a store. */
export interface SqliteStoreOptions {
  /** A file, made when missing with its folders, or `:memory:`. */
  path: string;
  /** Clock, timers and randomness; the process's own unless given. */
  environment?: Environment | undefined;
  /** FULL (default) survives a power cut; NORMAL may lose the last commits to one, never to a crash of the process. */
  synchronous?: "FULL" | "NORMAL" | "OFF" | undefined;
  /** Milliseconds to wait for another process's lock; default 30,000. */
  lockTimeoutMs?: number | undefined;
}

/** A store on one file; spreads into `createKernel`. */
export type SqliteStore = SqlStore;

/** Creates a store on a SQLite file; it opens at first use, and errors of opening surface there. */
export function createSqliteStore(options: SqliteStoreOptions): SqliteStore {
  const { path, synchronous, lockTimeoutMs, environment = realEnvironment } = options;
  const prepare = migrate;
  const db = new SqliteDb({ path, environment, synchronous, lockTimeoutMs, prepare: (session) => prepare(session, environment.now()) });
  return createSqlStore(db, environment);
}
