// A work session that does what a test says, and remembers what it was asked. Not part of the build.
import type { SessionExecuteOptions, WorkSession } from "../kernel/session.ts";
import type { ExecutionRef, Job, Poll, StoreSignal } from "../ports/store.ts";

/** A job of this id; its run has the same. */
export function jobOf(executionId: string): Job {
  return {
    ...{ runId: executionId, stageId: "a", item: 0, executionId, workflowId: "w", group: 1, number: 1, priority: 5 },
    ...{ attempt: 1, maxAttempts: 3, startedAt: 0, resume: null },
    payloads: { input: "{}", config: "{}", outputs: {}, groups: {} },
  };
}

/** A poll of this id. */
export function pollOf(executionId: string): Poll {
  return {
    ...{ runId: executionId, stageId: "a", item: 0, executionId, workflowId: "w", group: 1, number: 1, attempt: 1 },
    ...{ state: "{}", config: "{}", pollIntervalMs: 1_000, maxWaitUntil: null, pollFailures: 0, startedAt: 0 },
  };
}

type Execute = (job: Job, options: SessionExecuteOptions) => Promise<{ next: Job[]; outcome: string }>;

/** A session whose queue, polls and answers are fields. */
export class SessionDouble implements WorkSession {
  readonly instance = { id: "i1", workerId: "w1" };
  readonly isSignalled = true;
  readonly mayFlushAnytime = true;
  readonly calls: string[] = [];
  readonly released: string[] = [];
  readonly aborted: string[] = [];
  readonly listeners = new Set<(signal: StoreSignal) => void>();
  queue: Job[] = [];
  due: Poll[] = [];
  leased: ExecutionRef[] = [];
  wakeAt: number | null = null;
  /** Answers of `flush` in turn, then 0. */
  flushes: number[] = [];
  retryAt: number | null = null;
  /** Methods that reject. */
  broken = new Set<string>();
  execution: Execute = async (_, { onCodeEnded }) => {
    onCodeEnded();
    return { next: [], outcome: "completed" };
  };
  look: (poll: Poll) => Promise<void> = async () => undefined;

  async claim(): ReturnType<WorkSession["claim"]> {
    this.#call("claim");
    return { claimed: 0, runIds: [], jobs: [] };
  }

  async begin(): Promise<boolean> {
    return false;
  }

  async deliver(): ReturnType<WorkSession["deliver"]> {
    return { result: { outcome: "completed" }, isExecuted: true, retryAfterMs: null };
  }

  async take(max: number): Promise<Job[]> {
    this.#call("take");
    return this.queue.splice(0, max);
  }

  execute(job: Job, options: SessionExecuteOptions): ReturnType<WorkSession["execute"]> {
    return this.execution(job, options);
  }

  async release(refs: readonly ExecutionRef[]): Promise<void> {
    this.#call("release");
    this.released.push(...refs.map(({ executionId }) => executionId));
  }

  async listLeased(): Promise<ExecutionRef[]> {
    this.#call("listLeased");
    return this.leased;
  }

  abort(refs: readonly ExecutionRef[]): void {
    this.aborted.push(...refs.map(({ executionId }) => executionId));
  }

  async takePolls(max: number): Promise<Poll[]> {
    this.#call("takePolls");
    return this.due.splice(0, max);
  }

  async poll(poll: Poll): Promise<void> {
    return this.look(poll);
  }

  async pollSuspended(): Promise<number> {
    return 0;
  }

  async flush(_max: number, onPutOff?: (retryAt: number) => void): Promise<number> {
    this.#call("flush");
    if (this.retryAt !== null) onPutOff?.(this.retryAt);
    this.retryAt = null;
    return this.flushes.shift() ?? 0;
  }

  async reapStale(): Promise<number> {
    this.#call("reapStale");
    return 0;
  }

  async repair(): Promise<number> {
    this.#call("repair");
    return 0;
  }

  async sweep(): Promise<number> {
    this.#call("sweep");
    return 0;
  }

  async nextWakeAt(): Promise<number | null> {
    this.#call("nextWakeAt");
    return this.wakeAt;
  }

  onSignal(listener: (signal: StoreSignal) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Tells the listeners. */
  signal(given: Partial<StoreSignal>): void {
    const signal: StoreSignal = { hasWork: false, hasEvents: false, mayHaveLost: false, wakeAt: null, ended: null, ...given };
    for (const listener of this.listeners) listener(signal);
  }

  /** How often a method was called. */
  count(method: string): number {
    return this.calls.filter((call) => call === method).length;
  }

  #call(method: string): void {
    this.calls.push(method);
    if (this.broken.has(method)) throw new Error(`${method} is out of reach`);
  }
}
