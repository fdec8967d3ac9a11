// The entry for PostgreSQL 14 to 18: any number of processes on any number of machines share one database.
import { realEnvironment } from "../environment.ts";
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import { byteLength } from "../store/json-text.ts";
import { again, type Session } from "./db.ts";
import { PostgresDb } from "./drivers/postgres.ts";
import type { PgPool } from "./drivers/postgres-client.ts";
import { migrations } from "./migrate.ts";
import { isCurrent, prepareSchema, requireSchema, tablesOfAll } from "./prepare-schema.ts";
import { followServer } from "./server-change.ts";
import { createSqlStore, type SqlStore } from "./whole-store.ts";

/** How to open a store. */
export interface PostgresStoreOptions {
  /** postgres://user:password@host:5432/database; a pooler in transaction mode will do. */
  connectionString?: string | undefined;
  /** A `pg.Pool` of one's own instead; it stays open when the store closes. */
  pool?: PgPool | undefined;
  /** Schema of the tables, made when missing; default "workflow_engine". Any name of up to 63 bytes. */
  schema?: string | undefined;
  /** Transactions of units under way at once, 1 to 16; default 2. One is best where many workers share a machine with the database. */
  lanes?: number | undefined;
  /**
   * True (default): processes tell each other of work by LISTEN and NOTIFY. A connection string: LISTEN there, for a database behind a
   * pooler in transaction mode. False: each looks for itself every second.
   */
  notify?: boolean | string | undefined;
  /**
   * Milliseconds without an answer after which a connection counts as broken and is replaced, 100 or more; default 15,000. A network
   * that swallows everything says nothing. Keep it below half of the hosts' staleLeaseThresholdMs, and above what a statement may take.
   */
  answerTimeoutMs?: number | undefined;
  /** False: the first use does not bring the database to the newest version, `workflow-engine migrate` does. Default true. */
  migrate?: boolean | undefined;
  /** Clock, timers and randomness; the process's own unless given. */
  environment?: Environment | undefined;
  /** The instant that leases are judged by, in milliseconds since the epoch; the database's clock unless given. For tests. */
  now?: (() => number) | undefined;
}

/** A store on PostgreSQL; spreads into `createKernel`. */
export type PostgresStore = SqlStore;

/** A heartbeat that gets no answer is sent again on another connection well within a lease of 60 s. */
const ANSWER_TIMEOUT_MS = 15_000;

/** Creates a store on PostgreSQL; it connects at first use, and errors of connecting surface there. */
export function createPostgresStore(options: PostgresStoreOptions): PostgresStore {
  const { connectionString, pool, schema = "workflow_engine", lanes = 2, notify = true, environment = realEnvironment, now } = options;
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  if (!Number.isInteger(lanes) || lanes < 1 || lanes > 16) {
    throw new WorkflowEngineError("NOT_CONFIGURED", `createPostgresStore: lanes is a whole number from 1 to 16, not ${lanes}.`);
  }
  if (!Number.isInteger(answerTimeoutMs) || answerTimeoutMs < 100 || answerTimeoutMs > 600_000) {
    const message = `createPostgresStore: answerTimeoutMs is a whole number from 100 to 600,000, not ${answerTimeoutMs}.`;
    throw new WorkflowEngineError("NOT_CONFIGURED", message);
  }
  const longest = 63;
  if (schema === "" || schema.includes("\0") || byteLength(schema) > longest) {
    const message = `createPostgresStore: schema is a name of 1 to ${longest} bytes, which is what PostgreSQL keeps of one, not ${JSON.stringify(schema)}.`;
    throw new WorkflowEngineError("NOT_CONFIGURED", message);
  }
  const tables = tablesOfAll(migrations);
  const place = { schema, all: migrations, environment };
  const ready = async (to: PostgresDb, bring: typeof prepareSchema): Promise<void> => {
    await bring(to, place);
    await again(() => to.begin("BEGIN ISOLATION LEVEL READ COMMITTED", followServer));
  };
  const prepare = (to: PostgresDb): Promise<void> => ready(to, options.migrate === false ? requireSchema : prepareSchema);
  const isPrepared = (session: Session): Promise<boolean> => isCurrent(session, place);
  const target = { connectionString, pool, schema, tables, lanes, notify, answerTimeoutMs };
  const db = new PostgresDb({ ...target, environment, now, prepare, isPrepared });
  const store = createSqlStore(db, { ...environment, now: () => db.now() });
  return { ...store, migrate: () => ready(db, prepareSchema) };
}
