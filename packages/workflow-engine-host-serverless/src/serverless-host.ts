// The serverless host: what a worker process does, in single calls. A queue message is one job, a cron trigger one tick; nothing runs
// between calls. Job and tick code are the node host's (P13 to P17). Seeds 001 and 004 give its options, methods and results.
import type { JobTransport, Kernel } from "@bratsos/workflow-engine";
import {
  type Attempt,
  type HostOptions,
  keepUp,
  resolveHostOptions,
  stopWithin,
  Worker,
  type WorkSession,
} from "@bratsos/workflow-engine/host";
import { type Budget, startBudget, type TimeLimit } from "./deadline.ts";
import { type HandleJobResult, handleJobMessage, type JobMessage } from "./job-message.ts";

/** Options of `createServerlessHost`; every one but kernel and workerId has a default. */
export type ServerlessHostConfig = Pick<
  HostOptions,
  | "kernel"
  | "jobTransport"
  | "workerId"
  | "staleLeaseThresholdMs"
  | "maxClaimsPerTick"
  | "maxSuspendedChecksPerTick"
  | "maxOutboxFlushPerTick"
  | "concurrency"
  | "onError"
> &
  /** When the platform ends the function, for every call that names no limit of its own. */
  TimeLimit;

/** How many jobs to process, and until when. */
export interface ProcessJobsOptions extends TimeLimit {
  /** Default 10. */
  maxJobs?: number | undefined;
}

/** What became of the jobs; a stage that suspended succeeded, one that is to be retried failed. */
export interface ProcessJobsResult {
  processed: number;
  succeeded: number;
  failed: number;
}

/** What a tick did: runs started, suspended stages looked at, leases of dead functions released, events published. */
export interface TickResult {
  claimed: number;
  suspendedChecked: number;
  staleReleased: number;
  eventsFlushed: number;
}

/** A host whose every method is one invocation's work. */
export interface ServerlessHost {
  /** Executes one job that came as a message. The platform's queue retries: deliver a message that `failed` again. */
  handleJob(message: JobMessage, limit?: TimeLimit): Promise<HandleJobResult>;
  /** Takes due jobs and pending runs from the store and executes them; the engine retries. Returns when there are none left, or at the deadline. */
  processAvailableJobs(options?: ProcessJobsOptions): Promise<ProcessJobsResult>;
  /** Starts pending runs, looks at suspended stages, releases dead leases, repairs, publishes, sweeps. For a cron trigger. */
  runMaintenanceTick(limit?: TimeLimit): Promise<TickResult>;
}

/** Creates a host; it holds nothing between calls, so make one an invocation or one for all. */
export function createServerlessHost(config: ServerlessHostConfig): ServerlessHost {
  return new FunctionHost(config);
}

const defaultMaxJobs = 10;
const successes: ReadonlySet<string> = new Set(["completed", "suspended", "held"]);

class FunctionHost implements ServerlessHost {
  readonly #kernel: Kernel;
  readonly #session: WorkSession;
  readonly #limit: TimeLimit;
  readonly #jobTransport: JobTransport | undefined;
  readonly #options: ReturnType<typeof resolveHostOptions>;

  constructor({ deadline, budgetMs, ...config }: ServerlessHostConfig) {
    this.#kernel = config.kernel;
    this.#options = resolveHostOptions(config);
    this.#session = config.kernel.work.openSession({ workerId: config.workerId });
    this.#limit = { deadline, budgetMs };
    this.#jobTransport = config.jobTransport;
  }

  async handleJob(message: JobMessage, limit = this.#limit): Promise<HandleJobResult> {
    const { staleLeaseThresholdMs } = this.#options;
    const result = await handleJobMessage({ kernel: this.#kernel, session: this.#session, staleLeaseThresholdMs }, message, limit);
    if (result.outcome !== "failed" || result.retryable === false) await this.#forget(message);
    await this.#publish();
    return result;
  }

  async processAvailableJobs(options: ProcessJobsOptions = {}): Promise<ProcessJobsResult> {
    const { maxJobs = defaultMaxJobs } = options;
    const limit = options.deadline === undefined && options.budgetMs === undefined ? this.#limit : options;
    const result: ProcessJobsResult = { processed: 0, succeeded: 0, failed: 0 };
    const errors: unknown[] = [];
    const count = (outcome: string): void => {
      if (outcome === "released") return;
      result.processed++;
      if (successes.has(outcome)) result.succeeded++;
      else result.failed++;
    };
    await this.#withBudget(limit, async (budget) => {
      const onError = (error: unknown): void => void errors.push(error);
      const worker = new Worker(this.#session, this.#kernel.work.environment, { ...this.#options, maxJobs, onError, onJob: count });
      const unsubscribe = this.#session.onSignal((signal) => signal.hasWork && worker.wake());
      try {
        if (maxJobs > 0 && !budget.isOver()) worker.start();
        await until(worker.drained(), budget.signal);
        await this.#giveUp(worker, budget);
      } finally {
        unsubscribe();
      }
    });
    for (const error of errors) this.#options.onError(error);
    if (errors.length > 0 && result.processed === 0) throw errors[0];
    await this.#publish();
    return result;
  }

  runMaintenanceTick(limit = this.#limit): Promise<TickResult> {
    return this.#withBudget(limit, async (budget) => {
      const { staleLeaseThresholdMs, maxClaimsPerTick, maxSuspendedChecksPerTick, maxOutboxFlushPerTick } = this.#options;
      const errors: unknown[] = [];
      const attempt = attemptWithin(budget, errors);
      const staleReleased = await keepUp(this.#session, staleLeaseThresholdMs, attempt);
      const claimed = await attempt(async () => (await this.#session.claim(maxClaimsPerTick, 0)).claimed, 0);
      const suspendedChecked = await attempt(() => this.#poll(maxSuspendedChecksPerTick, budget), 0);
      const eventsFlushed = await attempt(() => this.#session.flush(maxOutboxFlushPerTick), 0);
      await attempt(() => this.#session.sweep(), 0);
      for (const error of errors) this.#options.onError(error);
      if (errors.length > 0) throw errors[0]; // the platform should see that its tick failed; everything else has been done
      return { claimed, suspendedChecked, staleReleased, eventsFlushed };
    });
  }

  async #withBudget<T>(limit: TimeLimit, run: (budget: Budget) => Promise<T>): Promise<T> {
    const budget = startBudget(this.#kernel.work.environment, limit);
    try {
      return await run(budget);
    } finally {
      budget.end();
    }
  }

  /** Ends the worker; what still runs when the budget is over is handed back at once. */
  async #giveUp(worker: Worker, budget: Budget): Promise<void> {
    if (!budget.isOver()) return worker.stop();
    await stopWithin(this.#kernel.work.environment, 0, [worker], () => budget.signal.reason);
  }

  /** Looks at due stages; a look that takes longer than the budget is given up, and its stage looked at again later. */
  async #poll(max: number, budget: Budget): Promise<number> {
    const polls = await this.#session.takePolls(max);
    const abort = (): void => this.#session.abort(polls, budget.signal.reason);
    budget.signal.addEventListener("abort", abort, { once: true });
    if (budget.signal.aborted) abort();
    const ends = await Promise.allSettled(polls.map((poll) => this.#session.poll(poll)));
    budget.signal.removeEventListener("abort", abort);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return polls.length;
  }

  /** A job that was taken from a queue one asks is over there too; a queue that calls functions is told by its consumer. */
  async #forget({ jobId, attempt }: JobMessage): Promise<void> {
    const transport = this.#jobTransport;
    if (!transport || transport.resendAfterMs !== undefined || "runStore" in transport) return;
    try {
      await transport.complete(jobId, { attempt });
    } catch (error) {
      this.#options.onError(error); // it comes again, and finds nothing to do
    }
  }

  /** Publishes what this call told; what is left is the next tick's, so a failure here is not the job's. Where flushers cannot see each other, only ticks publish. */
  async #publish(): Promise<void> {
    if (!this.#session.mayFlushAnytime) return;
    try {
      await this.#session.flush(this.#options.maxOutboxFlushPerTick);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

/** One part of a tick after the other: none begins once the budget is over, and none keeps the others from running. */
function attemptWithin(budget: Budget, errors: unknown[]): Attempt {
  return async (part, otherwise) => {
    if (budget.isOver()) return otherwise;
    try {
      return await part();
    } catch (error) {
      errors.push(error);
      return otherwise;
    }
  };
}

/** Resolves with `promise`, or as soon as the signal aborts. */
async function until(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  let stop = (): void => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
    if (signal.aborted) resolve();
    signal.addEventListener("abort", stop, { once: true });
  });
  await Promise.race([promise, aborted]);
  signal.removeEventListener("abort", stop);
}
