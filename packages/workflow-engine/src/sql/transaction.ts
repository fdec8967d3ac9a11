// A store inside a transaction of the caller's: the parts of a store that are rows and nothing else, over that transaction.
import type { Environment } from "../ports/environment.ts";
import type { Scheduler } from "../ports/scheduler.ts";
import type { StoreSignal } from "../ports/store.ts";
import type { StoreTransaction, TransactionClient } from "../ports/transaction.ts";
import type { Db } from "./db.ts";
import { JoinedDb } from "./joined-db.ts";
import { SqlBlobStore } from "./records/blob-store.ts";
import { SqlJobTransport } from "./records/job-transport.ts";
import { SqlPersistence } from "./records/persistence.ts";
import { SqlReader } from "./records/reader.ts";
import { SqlScheduler } from "./records/scheduler.ts";
import { OwnSteps } from "./records/steps.ts";
import { SqlRunStore } from "./run-store.ts";
import { SignalHub } from "./signal-hub.ts";

/** Puts a store inside the transaction that the caller has open on `client`. */
export function createStoreTransaction(
  db: Db,
  environment: Environment,
  client: TransactionClient,
  outside: StoreTransaction["outside"],
): StoreTransaction {
  const joined = new JoinedDb(db, client);
  const hub = new SignalHub(joined, environment);
  const runStore = new SqlRunStore(joined, environment, hub);
  const steps = new OwnSteps(joined, environment, (signal: StoreSignal) => hub.emit(signal));
  return {
    persistence: Object.assign(new SqlPersistence(steps), { runStore }),
    jobTransport: Object.assign(new SqlJobTransport(steps, environment), { runStore }),
    blobStore: new SqlBlobStore(steps),
    scheduler: writingAtOnce(new SqlScheduler(steps, environment)),
    reader: new SqlReader(steps),
    runStore,
    environment,
    outside,
  };
}

/** What is written some time after a call would miss the caller's commit. */
function writingAtOnce(scheduler: SqlScheduler): Scheduler {
  return {
    schedule: async (commandType, payload, runAt) => {
      await scheduler.schedule(commandType, payload, runAt);
      await scheduler.flush();
    },
    cancel: (commandType, correlationId) => scheduler.cancel(commandType, correlationId),
  };
}
