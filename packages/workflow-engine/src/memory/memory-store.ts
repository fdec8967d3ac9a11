// A whole store in memory: what tests, simulations and first steps run on. All its parts see the same rows.
import { realEnvironment } from "../environment.ts";
import type { Environment } from "../ports/environment.ts";
import type { RunStore } from "../ports/store.ts";
import { MemoryRunStore } from "./memory-run-store.ts";
import { MemoryTables } from "./memory-tables.ts";

/** A store in memory; spreads into `createKernel`. */
export interface MemoryStore {
  readonly runStore: RunStore;
  readonly environment: Environment;
  migrate(): Promise<void>;
  close(): Promise<void>;
}

/** Creates an empty store in memory. The environment is the process's own unless given. */
export function createMemoryStore(options: { environment?: Environment } = {}): MemoryStore {
  const environment = options.environment ?? realEnvironment;
  const tables = new MemoryTables();
  const runStore = new MemoryRunStore(tables, environment);
  return { runStore, environment, migrate: async () => undefined, close: () => runStore.close() };
}
