// The composition root: the real world and default ports, wired into a kernel. `createKernel({ ...store, registry })` is all a person writes.

import type { ProviderResolver } from "./ai/helper-types.ts";
import { createStageAI } from "./ai/stage-ai.ts";
import { realEnvironment } from "./environment.ts";
import { WorkflowEngineError } from "./errors.ts";
import { Executions } from "./kernel/execute/executions.ts";
import type { KernelParts, Retention } from "./kernel/execute/parts.ts";
import type { PayloadLimits } from "./kernel/execute/payloads.ts";
import { withoutLogger } from "./kernel/execute/stage-ai.ts";
import { assembleKernel, type Kernel } from "./kernel/kernel.ts";
import type { BlobStore } from "./ports/blob-store.ts";
import type { Clock, Environment } from "./ports/environment.ts";
import type { EventSink } from "./ports/event-sink.ts";
import type { JobTransport } from "./ports/job-transport.ts";
import type { AICallLogger } from "./ports/ledger.ts";
import type { Persistence } from "./ports/persistence.ts";
import type { WorkflowRegistry } from "./ports/registry.ts";
import type { Scheduler } from "./ports/scheduler.ts";
import type { HasRunStore, RunStore } from "./ports/store.ts";
import type { StoreTransaction, TransactionClient } from "./ports/transaction.ts";
import { artifactBlobStore } from "./store/artifact-blob-store.ts";
import { queuedStore } from "./store/queued-store.ts";
import { storeOver } from "./store/store-over.ts";

/** What `createKernel` takes. A store of ours spreads into it. */
export interface KernelConfig {
  persistence: Persistence;
  registry: WorkflowRegistry;
  /** Needed with a persistence of one's own; a native store brings its own queue. */
  jobTransport?: JobTransport | undefined;
  /** Default: payloads of any size stay in their rows, and `ctx.storage` keeps to the persistence's artifacts. */
  blobStore?: BlobStore | undefined;
  /** Default: events are kept for readers and go nowhere else. */
  eventSink?: EventSink | undefined;
  /** Default: nobody is told of wake-ups. */
  scheduler?: Scheduler | undefined;
  /** The store's own: lets `dispatch` take part in a transaction of yours. */
  transaction?: ((client: TransactionClient) => StoreTransaction) | undefined;
  /** Where model calls are accounted for; without it `ctx.ai` refuses. */
  aiCallLogger?: AICallLogger | undefined;
  /** Makes the models of `ctx.ai`; default: the built-in providers, with keys from their environment variables. */
  providerResolver?: ProviderResolver | undefined;
  /** Default: the environment's clock. */
  clock?: Clock | undefined;
  /** Default: the store's environment, or the real one. */
  environment?: Environment | undefined;
  /** Default: 32 KiB in the row when there is a blob store, 64 MiB at most. */
  payloadLimits?: Partial<PayloadLimits> | undefined;
  /** Default: published events 7 days, dead letters 30 days, idempotency keys 24 hours, ended runs for ever. */
  retention?: Partial<Retention> | undefined;
  /**
   * Milliseconds between heartbeats of running executions; default 15,000. Keep it well under the stale lease threshold. A look at a
   * suspended stage that is not heard of for four of them is taken over.
   */
  heartbeatIntervalMs?: number | undefined;
}

const day = 24 * 60 * 60_000;
const noSink: EventSink = { emit: () => undefined, consumers: [] };
const noScheduler: Scheduler = { schedule: async () => undefined, cancel: async () => undefined };

/** Wires a kernel; nothing is opened or started by it. */
export function createKernel(config: KernelConfig): Kernel {
  return createKernelOn((environment) => runStoreOf(config, environment), config);
}

/** Wires a kernel on the engine's store as the caller sees it, e.g. through a watch on its commits. */
export function createKernelOn(storeOn: (environment: Environment) => RunStore, config: KernelConfig): Kernel {
  const environment = environmentOf(config);
  const store = storeOn(environment);
  const instance = { id: environment.newId(), workerId: "kernel" };
  return assembleKernel({
    store,
    environment,
    registry: config.registry,
    blobStore: config.blobStore ?? artifactBlobStore(config.persistence),
    eventSink: config.eventSink ?? noSink,
    scheduler: config.scheduler ?? noScheduler,
    limits: { ...limitsOf(config), ...config.payloadLimits },
    retention: {
      publishedEventsMs: 7 * day,
      deadLettersMs: 30 * day,
      idempotencyKeysMs: day,
      endedRunsMs: null,
      ...config.retention,
    },
    bindAI: config.aiCallLogger
      ? createStageAI({ logger: config.aiCallLogger, resolver: config.providerResolver, environment })
      : withoutLogger,
    joinable: joinableOf(config),
    executions: new Executions(store, environment, instance, { heartbeatMs: config.heartbeatIntervalMs ?? 15_000, lostCheckMs: 500 }),
  });
}

/** Without a blob store every payload stays in its row: there is nowhere else that outlives the process. */
function limitsOf({ blobStore }: KernelConfig): PayloadLimits {
  const maxBytes = 64 * 1024 * 1024;
  return { inlineBytes: blobStore ? 32 * 1024 : maxBytes, maxBytes };
}

function joinableOf({ persistence, transaction }: KernelConfig): KernelParts["joinable"] {
  const runStore = nativeStoreOf(persistence);
  return runStore && transaction ? { runStore, transaction } : undefined;
}

function environmentOf({ environment = realEnvironment, clock }: KernelConfig): Environment {
  return clock ? { ...environment, now: () => clock.now().getTime() } : environment;
}

/** A native store's own door, announcing its jobs when a queue calls functions with them; else one derived from the CRUD port. */
export function runStoreOf({ persistence, jobTransport, aiCallLogger }: KernelConfig, environment: Environment): RunStore {
  const native = nativeStoreOf(persistence);
  if (native && (jobTransport === undefined || nativeStoreOf(jobTransport) === native)) return native;
  const { resendAfterMs } = jobTransport ?? {};
  if (native && jobTransport && resendAfterMs !== undefined) {
    return queuedStore({ store: native, persistence, transport: jobTransport, resendAfterMs, environment });
  }
  if (jobTransport) return storeOver({ persistence, jobTransport, environment, aiCallLogger });
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    "createKernel: this persistence brings no job queue. Pass jobTransport, or spread a store of ours: createKernel({ ...createSqliteStore({ path }), registry }).",
  );
}

function nativeStoreOf(port: object): RunStore | null {
  return "runStore" in port ? (port as HasRunStore).runStore : null;
}
