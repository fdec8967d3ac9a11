// The runtime of the oldest seed (003): store, kernel and worker in one object. Thin: everything it does is a command of the kernel or a
// loop of the node host.
import { createAIHelper } from "../ai/helper.ts";
import type { AIHelper, LogContext } from "../ai/helper-types.ts";
import { createKernel, type KernelConfig } from "../defaults.ts";
import { WorkflowEngineError } from "../errors.ts";
import { type HostStats, LoopingHost } from "../host/looping-host.ts";
import type { HostOptions } from "../host/options.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { AICallLogger } from "../ports/ledger.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { WorkflowRegistry } from "../ports/registry.ts";
import type { LogLevel } from "../ports/status.ts";
import { createSqliteStore } from "../sql/sqlite.ts";
import { type Print, RuntimeLog } from "./runtime-log.ts";

/** What a runtime stands on, and how it works. A store of ours spreads into it; with a registry alone it keeps a SQLite file. */
export interface WorkflowRuntimeConfig
  extends Partial<
      Pick<
        KernelConfig,
        "blobStore" | "eventSink" | "scheduler" | "clock" | "environment" | "retention" | "payloadLimits" | "providerResolver"
      >
    >,
    Partial<Pick<HostOptions, "concurrency" | "shutdownTimeoutMs" | "onError">> {
  registry: WorkflowRegistry;
  /** Default: SQLite in `.workflow-engine/workflow-engine.db` below the working directory. */
  persistence?: Persistence | undefined;
  /** Needed with a persistence of one's own; a native store brings its own queue. */
  jobQueue?: JobTransport | undefined;
  /** The same as jobQueue, as stores of ours name it. */
  jobTransport?: JobTransport | undefined;
  /** Where `createAIHelper` logs model calls. */
  aiCallLogger?: AICallLogger | undefined;
  /** Milliseconds between two safety-net ticks; default 10,000. */
  pollIntervalMs?: number | undefined;
  /** Milliseconds between two looks into an empty queue of a store that does not signal; default 1,000. */
  jobPollIntervalMs?: number | undefined;
  /** Default `worker-{pid}-{hostname}`. */
  workerId?: string | undefined;
  /** Milliseconds after which a lease that nobody renewed is stale; default 60,000. */
  staleJobThresholdMs?: number | undefined;
  /** Priority of a run that names none; higher first, 5 when absent. */
  getWorkflowPriority?: ((workflowId: string) => number) | undefined;
  /** Stops on SIGTERM and SIGINT; default true. */
  handleSignals?: boolean | undefined;
  /** Prints nothing when true. */
  quiet?: boolean | undefined;
}

/** A run to create. */
export interface CreateRunOptions {
  workflowId: string;
  input: Record<string, unknown>;
  /** Config by stage id, merged over the workflow's defaults. */
  config?: Record<string, unknown> | undefined;
  /** Higher first; default `getWorkflowPriority`, else 5. */
  priority?: number | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** Where the AI helper logs what belongs to one stage. */
export type RuntimeLogContext = LogContext & { createLog: NonNullable<LogContext["createLog"]> };

/** Where runs are kept when nobody says; the command line looks there too. */
const defaultPath = ".workflow-engine/workflow-engine.db";

/** Creates a runtime; nothing is opened before it is used, nothing runs before `start()`. */
export function createWorkflowRuntime(config: WorkflowRuntimeConfig): WorkflowRuntime {
  return new WorkflowRuntime(config);
}

/** Store, kernel and worker in one; made by `createWorkflowRuntime`. */
export class WorkflowRuntime {
  readonly kernel: Kernel;
  readonly persistence: Persistence;
  readonly #config: WorkflowRuntimeConfig;
  readonly #closeStore: () => Promise<void>;
  readonly #print: Print;
  #host: LoopingHost | null = null;
  #starting: Promise<void> | null = null;

  /** Use `createWorkflowRuntime`. */
  constructor(given: WorkflowRuntimeConfig) {
    const own = given.persistence ? null : createSqliteStore({ path: defaultPath, environment: given.environment });
    const config = { ...own, ...definedOf(given) } as WorkflowRuntimeConfig & { persistence: Persistence };
    this.#config = config;
    this.#closeStore = async () => own?.close();
    this.#print = config.quiet ? () => undefined : (line) => console.log(line);
    this.persistence = config.persistence;
    this.kernel = createKernel({ ...config, jobTransport: config.jobQueue ?? config.jobTransport });
  }

  /** Starts to work: claims runs, executes jobs, polls suspended stages, stops on SIGTERM and SIGINT. Starting twice does nothing. */
  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** Takes no more work, waits for running stages up to shutdownTimeoutMs (30 s), hands back what is left. */
  async stop(): Promise<void> {
    await this.#starting;
    this.#starting = null;
    await this.#host?.stop();
  }

  /** Stops, and closes the store that the runtime opened by itself. */
  async close(): Promise<void> {
    await this.stop();
    await this.#closeStore();
  }

  /** What the worker has done so far; null before the first start. */
  getStats(): HostStats | null {
    return this.#host?.getStats() ?? null;
  }

  /** Creates a run; a worker of this database picks it up. */
  async createRun(options: CreateRunOptions): Promise<{ workflowRunId: string }> {
    const { workflowId, input, config, metadata } = options;
    const priority = options.priority ?? this.#config.getWorkflowPriority?.(workflowId);
    const idempotencyKey = this.kernel.work.environment.newId();
    const command = { type: "run.create", idempotencyKey, workflowId, input, config, priority, metadata } as const;
    const { workflowRunId } = await this.kernel.dispatch(command);
    this.#print(`[Runtime] Created WorkflowRun ${workflowRunId} for ${workflowId}`);
    return { workflowRunId };
  }

  /** Moves a run on when its open group is over; a running worker does so by itself. */
  async transitionWorkflow(workflowRunId: string): Promise<void> {
    await this.kernel.dispatch({ type: "run.transition", workflowRunId });
  }

  /** Looks at the suspended stages that are due, and moves on the runs of those that are ready; a running worker does so by itself. */
  async pollSuspendedStages(): Promise<void> {
    const { resumedWorkflowRunIds } = await this.kernel.dispatch({ type: "stage.pollSuspended" });
    for (const workflowRunId of resumedWorkflowRunIds) await this.transitionWorkflow(workflowRunId);
  }

  /** An AI helper that logs under `topic` to the runtime's logger; throws without one. */
  createAIHelper(topic: string, logContext?: LogContext): AIHelper {
    const { aiCallLogger, providerResolver } = this.#config;
    if (aiCallLogger) return createAIHelper(topic, aiCallLogger, logContext, providerResolver);
    throw new WorkflowEngineError("NOT_CONFIGURED", "[Runtime] AICallLogger not configured. Pass aiCallLogger in config.");
  }

  /** Where the AI helper logs what belongs to one stage. */
  createLogContext(workflowRunId: string, stageRecordId: string): RuntimeLogContext {
    const createLog = (log: { level: string; message: string; metadata?: Record<string, unknown> | undefined }): Promise<unknown> =>
      this.persistence.createLog({ ...log, level: log.level as LogLevel, workflowRunId, workflowStageId: stageRecordId });
    return { workflowRunId, stageRecordId, createLog };
  }

  async #start(): Promise<void> {
    const { pollIntervalMs = 10_000, jobPollIntervalMs = 1_000, staleJobThresholdMs, ...config } = this.#config;
    const workerId = config.workerId ?? (await defaultWorkerId());
    const log = new RuntimeLog(this.#print, workerId);
    log.starting(pollIntervalMs, jobPollIntervalMs);
    this.#host ??= new LoopingHost({
      kernel: this.kernel,
      ...{ workerId, jobPollIntervalMs, orchestrationIntervalMs: pollIntervalMs, staleLeaseThresholdMs: staleJobThresholdMs },
      ...{ concurrency: config.concurrency, shutdownTimeoutMs: config.shutdownTimeoutMs },
      ...{ onError: config.onError, handleSignals: config.handleSignals },
      onJob: () => log.job(),
      ...(!config.quiet && { wrapSession: (session) => log.watch(session, this.persistence) }),
    });
    await this.#host.start();
  }
}

async function defaultWorkerId(): Promise<string> {
  const { hostname } = await import("node:os");
  return `worker-${process.pid}-${hostname()}`;
}

/** Without what is undefined, which would hide what the store brings. */
function definedOf<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>;
}
