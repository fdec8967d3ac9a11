// The entry for SQLite: one file, no server, durable. Several processes may share the file.
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import type { Session } from "./db.ts";
import { SqliteDb } from "./drivers/sqlite.ts";
import { migrate } from "./migrate.ts";
import { createSqlStore, type SqlStore } from "./whole-store.ts";

/** A transaction of fewer rows is written sooner than it is sent to another thread. */
const MANY_ROWS = 100;

/** How to open a store. */
export interface SqliteStoreOptions {
  /** A file, made when missing with its folders, or `:memory:`. */
  path: string;
  /**
   * Clock, timers and randomness; the process's own unless given. With a world of its own a store does everything in this thread, so that
   * no virtual time passes while an answer is on its way.
   */
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
  const threadFrom = environment === realEnvironment ? MANY_ROWS : undefined;
  const prepare = (session: Session): Promise<void> => migrate(session, environment.now());
  const db = new SqliteDb({ path, environment, synchronous, threadFrom, lockTimeoutMs, prepare });
  return createSqlStore(db, environment);
}
