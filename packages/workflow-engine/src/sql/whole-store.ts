// Everything that a store is, over one database: the one door, and beside it the CRUD port, the queue's view, reading, blobs, model
// calls and wake-ups.
import type { Environment } from "../ports/environment.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Reader } from "../ports/reader.ts";
import type { HasRunStore, RunStore } from "../ports/store.ts";
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

/** A store in a SQL database; spreads into `createKernel`. */
export interface SqlStore {
  readonly persistence: Required<Persistence> & HasRunStore;
  readonly jobTransport: Required<JobTransport> & HasRunStore;
  readonly blobStore: SqlBlobStore;
  readonly scheduler: SqlScheduler;
  readonly aiCallLogger: SqlAICallLogger;
  readonly reader: Reader;
  readonly runStore: RunStore;
  readonly environment: Environment;
  /** Opens the database and brings it to the newest version, which the first use does too. */
  migrate(): Promise<void>;
  /** Writes what waits to be written and refuses every later call. */
  close(): Promise<void>;
}

/** Puts a whole store over a database. */
export function createSqlStore(db: Db, environment: Environment): SqlStore {
  const hub = new SignalHub(db, environment);
  const runStore = new SqlRunStore(db, environment, hub);
  const steps = new OwnSteps(db, environment, (signal) => hub.emit(signal));
  const aiCallLogger = new SqlAICallLogger(steps, environment);
  return {
    persistence: Object.assign(new SqlPersistence(steps), { runStore }),
    jobTransport: Object.assign(new SqlJobTransport(steps, environment), { runStore }),
    blobStore: new SqlBlobStore(steps),
    scheduler: new SqlScheduler(steps),
    aiCallLogger,
    reader: new SqlReader(steps),
    runStore,
    environment,
    migrate: () => db.reading(async () => undefined),
    close: async () => {
      try {
        await aiCallLogger.flush();
      } finally {
        await runStore.close();
      }
    },
  };
}
