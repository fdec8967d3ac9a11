// A job queue in memory with rows of its own, for tests and for engines on somebody else's persistence. Leases, fences and
// bounded attempts as any queue of ours (P13, P14); time comes from the clock it is given.
import { realEnvironment } from "../environment.ts";
import type { Clock, Environment } from "../ports/environment.ts";
import type { DequeueResult, EnqueueJobInput, JobRecord } from "../ports/job.ts";
import type { JobFence, JobTransport } from "../ports/job-transport.ts";
import type { Status } from "../ports/status.ts";
import { isEnded } from "../ports/status.ts";
import { backoffMs, DEFAULT_MAX_ATTEMPTS, WORKER_LOST } from "../store/job-backoff.ts";
import { firstOf } from "./table.ts";

const DEFAULT_PRIORITY = 5;
const DEFAULT_STALE_MS = 60_000;

/** Options of `InMemoryJobQueue`. */
export interface MemoryJobQueueOptions {
  environment?: Pick<Environment, "now" | "newId"> | undefined;
  clock?: Clock | undefined;
}

/** A complete job queue in memory, with the handles that tests of crashes and clocks need. */
export class InMemoryJobQueue implements JobTransport {
  readonly #workerId: string;
  readonly #now: () => Date;
  readonly #newId: () => string;
  readonly #jobs = new Map<string, JobRecord>();
  #maxAttempts = DEFAULT_MAX_ATTEMPTS;

  constructor(workerId?: string, options: MemoryJobQueueOptions = {}) {
    const environment = options.environment ?? realEnvironment;
    const { clock } = options;
    this.#now = () => (clock ? clock.now() : new Date(environment.now()));
    this.#newId = () => environment.newId();
    this.#workerId = workerId ?? `worker-${environment.newId()}`;
  }

  async enqueue(input: EnqueueJobInput): Promise<string> {
    const id = input.jobId ?? this.#newId();
    if (this.#jobs.has(id)) return id;
    const now = this.#now();
    const { workflowRunId, workflowId, stageId } = input;
    this.#jobs.set(id, {
      id,
      createdAt: now,
      updatedAt: now,
      workflowRunId,
      workflowId,
      stageId,
      status: "PENDING",
      priority: input.priority ?? DEFAULT_PRIORITY,
      workerId: null,
      lockedAt: null,
      startedAt: null,
      completedAt: null,
      attempt: input.attempt ?? 0,
      maxAttempts: input.maxAttempts ?? this.#maxAttempts,
      lastError: null,
      nextPollAt: input.scheduledFor ?? null,
      payload: structuredClone(input.payload ?? {}),
    });
    return id;
  }

  enqueueParallel(inputs: EnqueueJobInput[]): Promise<string[]> {
    return Promise.all(inputs.map((input) => this.enqueue(input)));
  }

  async dequeue(): Promise<DequeueResult | null> {
    return (await this.dequeueMany(1))[0] ?? null;
  }

  async dequeueMany(max: number): Promise<DequeueResult[]> {
    const now = this.#now();
    const due = [...this.#jobs.values()].filter((job) => job.status === "PENDING" && isDue(job, now));
    const order = (a: JobRecord, b: JobRecord): number => b.priority - a.priority || a.createdAt.getTime() - b.createdAt.getTime();
    return firstOf(due, max, order).map((job) => {
      const lease = { status: "RUNNING" as const, workerId: this.#workerId, lockedAt: now, startedAt: job.startedAt ?? now };
      const { id, workflowRunId, workflowId, stageId, priority, attempt, maxAttempts, payload } = this.#set(job, {
        ...lease,
        attempt: job.attempt + 1,
        nextPollAt: null,
      });
      const copy = structuredClone(payload);
      return { jobId: id, workflowRunId, workflowId, stageId, priority, attempt, maxAttempts, payload: copy };
    });
  }

  async complete(jobId: string, fence?: JobFence): Promise<void> {
    const job = this.#held(jobId, fence);
    if (job) this.#set(job, { status: "COMPLETED", completedAt: this.#now(), lockedAt: null, lastError: null });
  }

  async suspend(jobId: string, nextPollAt: Date, fence?: JobFence): Promise<void> {
    const job = this.#held(jobId, fence);
    if (job) this.#set(job, { status: "SUSPENDED", nextPollAt: new Date(nextPollAt.getTime()), workerId: null, lockedAt: null });
  }

  async fail(jobId: string, error: string, shouldRetry = false, fence?: JobFence): Promise<void> {
    const job = this.#held(jobId, fence);
    if (!job) return;
    const retryAt = new Date(this.#now().getTime() + backoffMs(job.attempt));
    if (shouldRetry && job.attempt < job.maxAttempts) this.#putBack(job, error, retryAt);
    else this.#end(job, error);
  }

  async getSuspendedJobsReadyToPoll(): Promise<Array<{ jobId: string; stageId: string; workflowRunId: string }>> {
    const now = this.#now();
    const due = [...this.#jobs.values()].filter((job) => job.status === "SUSPENDED" && isDue(job, now));
    return due.map(({ id, stageId, workflowRunId }) => ({ jobId: id, stageId, workflowRunId }));
  }

  async releaseStaleJobs(staleThresholdMs = DEFAULT_STALE_MS): Promise<number> {
    const before = this.#now().getTime() - staleThresholdMs;
    const stale = this.getJobsByStatus("RUNNING").filter((job) => job.lockedAt !== null && job.lockedAt.getTime() < before);
    const spent = stale.filter((job) => job.attempt >= job.maxAttempts);
    for (const job of stale) {
      if (spent.includes(job)) this.#end(job, WORKER_LOST);
      else this.#putBack(job, job.lastError, null);
    }
    return stale.length - spent.length;
  }

  async heartbeat(jobId: string): Promise<void> {
    const job = this.#jobs.get(jobId);
    if (job?.status === "RUNNING") this.#set(job, { lockedAt: this.#now() });
  }

  async cancelByRun(workflowRunId: string): Promise<number> {
    const open = [...this.#jobs.values()].filter((job) => job.workflowRunId === workflowRunId && !isEnded(job.status));
    for (const job of open) this.#set(job, { status: "CANCELLED", completedAt: this.#now(), lockedAt: null });
    return open.length;
  }

  /** Removes every job. */
  clear(): void {
    this.#jobs.clear();
  }

  /** Every job, in the order of arrival. */
  getAllJobs(): JobRecord[] {
    return structuredClone([...this.#jobs.values()]);
  }

  getJobsByStatus(status: Status): JobRecord[] {
    return this.getAllJobs().filter((job) => job.status === status);
  }

  getJob(jobId: string): JobRecord | null {
    return structuredClone(this.#jobs.get(jobId) ?? null);
  }

  getWorkerId(): string {
    return this.#workerId;
  }

  /** Tries of jobs enqueued from now on that do not say otherwise. */
  setDefaultMaxAttempts(maxAttempts: number): void {
    this.#maxAttempts = maxAttempts;
  }

  /** Leaves a job as a worker's death would: RUNNING, and leased so long ago that it is stale. */
  simulateCrash(jobId: string): void {
    this.setJobLockedAt(jobId, new Date(0));
  }

  /** Makes a suspended job wait for a worker again. */
  resumeJob(jobId: string): void {
    const job = this.#jobs.get(jobId);
    if (job?.status === "SUSPENDED") this.#putBack(job, job.lastError, null);
  }

  setJobLockedAt(jobId: string, lockedAt: Date | null): void {
    const job = this.#jobs.get(jobId);
    if (job) this.#set(job, { lockedAt });
  }

  setJobNextPollAt(jobId: string, nextPollAt: Date | null): void {
    const job = this.#jobs.get(jobId);
    if (job) this.#set(job, { nextPollAt });
  }

  /** The job, when it has not ended and the fence still names its try. */
  #held(jobId: string, fence: JobFence | undefined): JobRecord | null {
    const job = this.#jobs.get(jobId);
    if (!job || isEnded(job.status)) return null;
    // a zombie, or a worker whose lease another one has taken over
    const isOther = fence?.attempt !== undefined && (fence.attempt !== job.attempt || job.status !== "RUNNING");
    return isOther ? null : job;
  }

  #putBack(job: JobRecord, lastError: string | null, nextPollAt: Date | null): void {
    this.#set(job, { status: "PENDING", workerId: null, lockedAt: null, lastError, nextPollAt });
  }

  #end(job: JobRecord, lastError: string): void {
    this.#set(job, { status: "FAILED", completedAt: this.#now(), lockedAt: null, lastError });
  }

  #set(job: JobRecord, fields: Partial<JobRecord>): JobRecord {
    const changed = { ...job, ...fields, updatedAt: this.#now() };
    this.#jobs.set(job.id, changed);
    return changed;
  }
}

function isDue(job: JobRecord, now: Date): boolean {
  return job.nextPollAt === null || job.nextPollAt <= now;
}
