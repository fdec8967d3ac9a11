// Everything that a store is, over one database: the one door, and beside it the CRUD port, the queue's view, reading, blobs, model
// calls and wake-ups.
import type { Environment } from "../ports/environment.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Reader } from "../ports/reader.ts";
import type { HasRunStore, RunStore, StoreSignal } from "../ports/store.ts";
import type { StoreTransaction, TransactionClient } from "../ports/transaction.ts";
import type { Db } from "./db.ts";
import { SqlAICallLogger } from "./records/ai-call-logger.ts";
import { SqlBlobStore } from "./records/blob-store.ts";
import { SqlJobTransport } from "./records/job-transport.ts";
import { SqlPersistence } from "./records/persistence.ts";
import { SqlReader } from "./records/reader.ts";
import { SqlScheduler } from "./records/scheduler.ts";
import { OwnSteps } from "./records/steps.ts";
import { SqlRunStore } from "./run-store.ts";
import { SignalHub } from "./signal-hub.ts";
import { createStoreTransaction } from "./transaction.ts";

/** A store in a SQL database; spreads into `createKernel`. */
export interface SqlStore {
  readonly persistence: Required<Omit<Persistence, "appendAttempts" | "budgets" | "deliveries" | "sweep">> & HasRunStore;
  readonly jobTransport: Required<Omit<JobTransport, "resendAfterMs">> & HasRunStore;
  readonly blobStore: SqlBlobStore;
  readonly scheduler: SqlScheduler;
  readonly aiCallLogger: SqlAICallLogger;
  readonly reader: Reader;
  readonly runStore: RunStore;
  readonly environment: Environment;
  /** Opens the database and brings it to the newest version, which the first use does too. */
  migrate(): Promise<void>;
  /** The store inside the transaction that the caller has open on `client`: what is done there commits or rolls back with the caller's rows. */
  transaction(client: TransactionClient): StoreTransaction;
  /** Writes what waits to be written and refuses every later call. */
  close(): Promise<void>;
}

/** Puts a whole store over a database. */
export function createSqlStore(db: Db, environment: Environment): SqlStore {
  const hub = new SignalHub(db, environment);
  const runStore = new SqlRunStore(db, environment, hub);
  const emit = (signal: StoreSignal): void => hub.emit(signal);
  const steps = new OwnSteps(db, environment, emit);
  const aiCallLogger = new SqlAICallLogger(steps, environment);
  const scheduler = new SqlScheduler(steps, environment);
  const blobStore = new SqlBlobStore(steps);
  return {
    persistence: Object.assign(new SqlPersistence(steps), { runStore }),
    jobTransport: Object.assign(new SqlJobTransport(steps, environment), { runStore }),
    blobStore,
    scheduler,
    aiCallLogger,
    reader: new SqlReader(steps),
    runStore,
    environment,
    migrate: () => db.reading(async () => undefined),
    transaction: (client) => createStoreTransaction(db, environment, client, { runStore, blobStore, scheduler }),
    close: async () => {
      try {
        await Promise.all([aiCallLogger.flush(), scheduler.flush()]);
      } finally {
        await runStore.close();
      }
    },
  };
}
