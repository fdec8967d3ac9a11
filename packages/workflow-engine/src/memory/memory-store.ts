// A whole store in memory: what tests, simulations and first steps run on. All its parts see the same rows.
import { realEnvironment } from "../environment.ts";
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Reader } from "../ports/reader.ts";
import type { HasRunStore, RunStore } from "../ports/store.ts";
import type { StoreTransaction, TransactionClient } from "../ports/transaction.ts";
import { InMemoryAICallLogger } from "./memory-ai-call-logger.ts";
import { InMemoryBlobStore } from "./memory-blob-store.ts";
import { MemoryJobTransport } from "./memory-job-transport.ts";
import { InMemoryWorkflowPersistence } from "./memory-persistence.ts";
import { MemoryReader } from "./memory-reader.ts";
import { MemoryRunStore } from "./memory-run-store.ts";
import { MemoryScheduler } from "./memory-scheduler.ts";
import { MemoryTables } from "./memory-tables.ts";

/** A store in memory; spreads into `createKernel`. */
export interface MemoryStore {
  readonly persistence: InMemoryWorkflowPersistence & HasRunStore;
  readonly jobTransport: JobTransport & HasRunStore;
  readonly blobStore: InMemoryBlobStore;
  readonly scheduler: MemoryScheduler;
  readonly aiCallLogger: InMemoryAICallLogger;
  readonly reader: Reader;
  readonly runStore: RunStore;
  readonly environment: Environment;
  /** Does nothing: there is no schema to bring up to date. */
  migrate(): Promise<void>;
  /** Throws NOT_CONFIGURED: no transaction of a database could take rows in memory back. */
  transaction(client: TransactionClient): StoreTransaction;
  /** Refuses every later call. */
  close(): Promise<void>;
}

/** Creates an empty store in memory. The environment is the process's own unless given. */
export function createMemoryStore(options: { environment?: Environment } = {}): MemoryStore {
  const environment = options.environment ?? realEnvironment;
  const tables = new MemoryTables();
  const runStore = new MemoryRunStore(tables, environment);
  return {
    persistence: Object.assign(new InMemoryWorkflowPersistence({ environment, tables }), { runStore }),
    jobTransport: Object.assign(new MemoryJobTransport(tables, environment), { runStore }),
    blobStore: new InMemoryBlobStore(),
    scheduler: new MemoryScheduler(environment),
    aiCallLogger: new InMemoryAICallLogger({ environment, tables }),
    reader: new MemoryReader(tables),
    runStore,
    environment,
    migrate: async () => undefined,
    transaction: () => {
      throw new WorkflowEngineError(
        "NOT_CONFIGURED",
        "A store in memory cannot take part in a transaction of yours: it would not roll back. Use createPostgresStore or createSqliteStore on your database.",
      );
    },
    close: () => runStore.close(),
  };
}
