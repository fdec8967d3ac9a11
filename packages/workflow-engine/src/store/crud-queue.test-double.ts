// A job queue as a person would write it: the methods a JobTransport must have and none of the optional ones, on a Map.
import type { Environment } from "../ports/environment.ts";
import type { DequeueResult, EnqueueJobInput } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";

interface QueuedJob extends DequeueResult {
  state: "waiting" | "leased" | "ended";
  dueAt: number;
  lockedAt: number;
}

/** A queue in memory that can be out of reach. */
export class CrudQueue implements JobTransport {
  readonly jobs = new Map<string, QueuedJob>();
  isDown = false;
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  async enqueue(input: EnqueueJobInput): Promise<string> {
    if (this.isDown) throw new Error("the queue is down");
    const { jobId = this.#environment.newId(), workflowRunId, workflowId, stageId, priority = 5, payload = {}, attempt = 0 } = input;
    if (this.jobs.has(jobId)) return jobId;
    const job = { jobId, workflowRunId, workflowId, stageId, priority, attempt, maxAttempts: input.maxAttempts ?? 3 };
    const dueAt = input.scheduledFor?.getTime() ?? 0;
    this.jobs.set(jobId, { ...job, payload: structuredClone(payload), state: "waiting", dueAt, lockedAt: 0 });
    return jobId;
  }

  async enqueueParallel(inputs: EnqueueJobInput[]): Promise<string[]> {
    return Promise.all(inputs.map((input) => this.enqueue(input)));
  }

  async dequeue(): Promise<DequeueResult | null> {
    const now = this.#environment.now();
    const waiting = this.ofState("waiting").filter((job) => job.dueAt <= now);
    const [job] = waiting.sort((a, b) => b.priority - a.priority);
    if (!job) return null;
    Object.assign(job, { state: "leased", lockedAt: now, attempt: job.attempt + 1 });
    const { state: _, dueAt: __, lockedAt: ___, ...result } = job;
    return structuredClone(result);
  }

  async complete(jobId: string): Promise<void> {
    const job = this.jobs.get(jobId);
    if (job) job.state = "ended";
  }

  async suspend(jobId: string): Promise<void> {
    await this.complete(jobId);
  }

  async fail(jobId: string, _error: string, shouldRetry = false): Promise<void> {
    const job = this.jobs.get(jobId);
    if (job) job.state = shouldRetry && job.attempt < job.maxAttempts ? "waiting" : "ended";
  }

  async getSuspendedJobsReadyToPoll(): Promise<[]> {
    return [];
  }

  async releaseStaleJobs(staleThresholdMs = 60_000): Promise<number> {
    const before = this.#environment.now() - staleThresholdMs;
    const stale = this.ofState("leased").filter((job) => job.lockedAt < before);
    for (const job of stale) job.state = "waiting";
    return stale.length;
  }

  /** Jobs in one state, in the order of arrival. */
  ofState(state: QueuedJob["state"]): QueuedJob[] {
    return [...this.jobs.values()].filter((job) => job.state === state);
  }
}
