// The stores that histories run on: one for all processes of a history, reached through messages only.
import type { KernelConfig } from "../../defaults.ts";
import { InMemoryBlobStore } from "../../memory/memory-blob-store.ts";
import { InMemoryJobQueue } from "../../memory/memory-job-queue.ts";
import { InMemoryWorkflowPersistence } from "../../memory/memory-persistence.ts";
import { createMemoryStore } from "../../memory/memory-store.ts";
import type { Environment } from "../../ports/environment.ts";
import type { AICallLogger, Ledger } from "../../ports/ledger.ts";
import type { RunStore, StoreSignal } from "../../ports/store.ts";
import { createSqliteStore } from "../../sql/sqlite.ts";
import type { BenchStore } from "../bench.ts";
import { replaceRunStore } from "../faults.ts";
import { gated } from "./gate.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import type { World } from "./world.ts";

/** A store for one history: what `createStore` of a bench gives, without the door when the kernel has to derive it. */
export type SimulatedStore = Omit<BenchStore, "runStore"> &
  Partial<Pick<BenchStore, "runStore">> & {
    /** Puts something between each process's kernel and its messages to the door, e.g. a defect that the simulation has to find. */
    doorOf?: ((door: RunStore) => RunStore) | undefined;
    /** True when the store answers over a network: a history on it may not replay to the letter. */
    isRemote?: boolean | undefined;
    /** True when jobs are messages of a platform's queue, which calls functions with them. */
    callsFunctions?: boolean | undefined;
    /** The same for the ledger. */
    ledgerOf?: ((ledger: Ledger) => Ledger) | undefined;
  };

/** Opens an empty store whose time comes from `environment`. */
export type StoreSource = (environment: Environment) => SimulatedStore | Promise<SimulatedStore>;

/**
 * Names of the stores that come with the simulation: `storeOver` is the door derived from CRUD adapters in memory, `functions` a memory store
 * whose jobs are messages of a platform's queue.
 */
export type StoreName = "memory" | "sqlite" | "storeOver" | "functions";

/** The stores by name. */
export const storeSources: Readonly<Record<StoreName, StoreSource>> = {
  memory: (environment) => createMemoryStore({ environment }),
  sqlite: (environment) => createSqliteStore({ path: ":memory:", environment }),
  storeOver: (environment) => ({
    persistence: new InMemoryWorkflowPersistence({ environment }),
    jobTransport: new InMemoryJobQueue("queue", { environment }),
    blobStore: new InMemoryBlobStore(),
  }),
  functions: (environment) => ({ ...createMemoryStore({ environment }), callsFunctions: true }),
};

type Ports = Pick<KernelConfig, "persistence" | "jobTransport" | "blobStore" | "aiCallLogger">;

/** The ports of a store as one process has them: every call a message, every signal one too. */
export function portsOf(
  world: World,
  process: SimulatedProcess,
  store: SimulatedStore,
): Ports & { jobTransport: BenchStore["jobTransport"] } {
  const { persistence, jobTransport, runStore, doorOf = (door) => door } = store;
  const blobStore = gated(world, process, store.blobStore);
  const queue = gated(world, process, jobTransport);
  const aiCallLogger = store.aiCallLogger && loggerOf(world, process, store.aiCallLogger, store.ledgerOf);
  if (!runStore) return { persistence: gated(world, process, persistence), jobTransport: queue, blobStore, aiCallLogger };
  const messages = gated(world, process, runStore, {
    onSignal: (listener: (signal: StoreSignal) => void) => runStore.onSignal((signal) => pass(world, process, signal, listener)),
    publishUnread: undefined,
    close: () => Promise.resolve(),
  });
  const door = doorOf(messages);
  const wired = replaceRunStore({ persistence, jobTransport }, door);
  if (store.callsFunctions) {
    const transport = gated(world, process, world.queue.transport());
    return { persistence: wired.persistence, jobTransport: transport, blobStore, aiCallLogger };
  }
  // what a plain host asks of the queue is a message too; what the kernel asks is its door
  return {
    persistence: wired.persistence,
    jobTransport: replaceRunStore({ jobTransport: queue }, door).jobTransport,
    blobStore,
    aiCallLogger,
  };
}

function loggerOf(world: World, process: SimulatedProcess, logger: AICallLogger, ledgerOf: SimulatedStore["ledgerOf"]): AICallLogger {
  const { ledger } = logger;
  const messages = ledger && gated(world, process, ledger);
  return gated(world, process, logger, { ledger: messages && ledgerOf ? ledgerOf(messages) : messages });
}

/** A wake-up travels, and may be lost: nobody may depend on it. */
function pass(world: World, process: SimulatedProcess, signal: StoreSignal, listener: (signal: StoreSignal) => void): void {
  if (signal.hasWork || signal.hasEvents) world.changedAt = world.time.now;
  if (!process.isAlive) return;
  const place = process.place("signal");
  if (world.choices.mishap(place, ["lost-wake-up"]) !== null) {
    world.tell(process.label, "is not told of a commit", true);
    return;
  }
  world.time.at(world.time.now + world.choices.latency(place), process, () => listener(signal));
}
