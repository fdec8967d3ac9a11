// The queue's view of the stage rows of a memory store: a stage row is its own job, and a job's id carries its execution, so
// that an old one never touches a new one (P9, P13). Never call it inside withTransaction of the same store: it waits its turn.
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { DequeueResult, EnqueueJobInput, JobRecord } from "../ports/job.ts";
import type { JobFence, JobTransport } from "../ports/job-transport.ts";
import type { Instance, StageState } from "../ports/store.ts";
import { backoffMs, WORKER_LOST } from "../store/job-backoff.ts";
import { parseJobId, stageRecordId } from "../store/record-ids.ts";
import { appendEvents, putStage, requireRunRow } from "./apply-changes.ts";
import type { MemoryTables, StageRow } from "./memory-tables.ts";
import { toJobRecord } from "./rows.ts";
import { recount } from "./run-rows.ts";
import { firstOf } from "./table.ts";
import { compareReady, liveStages, type TakeContext, touchRun } from "./take.ts";

const DEFAULT_STALE_MS = 60_000;

/** Leases stages without starting them: `job.execute` does that. */
export class MemoryJobTransport implements JobTransport {
  readonly #tables: MemoryTables;
  readonly #environment: Environment;
  readonly #instance: Instance;

  constructor(tables: MemoryTables, environment: Environment) {
    this.#tables = tables;
    this.#environment = environment;
    this.#instance = { id: environment.newId(), workerId: "memory-transport" };
  }

  async enqueue(input: EnqueueJobInput): Promise<string> {
    return (await this.enqueueParallel([input]))[0]!;
  }

  enqueueParallel(inputs: EnqueueJobInput[]): Promise<string[]> {
    return this.#step((context) => inputs.map((input) => queueStage(context, input)));
  }

  async dequeue(): Promise<DequeueResult | null> {
    return (await this.dequeueMany(1))[0] ?? null;
  }

  dequeueMany(max: number): Promise<DequeueResult[]> {
    return this.#step(({ tables, now }) => {
      const due = liveStages(tables, tables.stages.by("ready", "yes"), null).filter(({ stage }) => stage.state.readyAt! <= now);
      return firstOf(due, max, compareReady).map(({ stage, run }) => {
        const lease = { instanceId: this.#instance.id, workerId: this.#instance.workerId, lockedAt: now };
        putStage(tables, stage, { attempt: stage.state.attempt + 1, lease, readyAt: null, waitReason: null }, now);
        touchRun(tables, run.state.id, now);
        return resultOf(toJobRecord(run, tables.stages.get(stage.id)!));
      });
    });
  }

  complete(jobId: string, fence?: JobFence): Promise<void> {
    return this.#step((context) => {
      const row = this.#notStarted(jobId, fence);
      if (row) release(context, row, { readyAt: null });
    });
  }

  suspend(jobId: string, nextPollAt: Date, fence?: JobFence): Promise<void> {
    return this.#step((context) => {
      const row = this.#notStarted(jobId, fence);
      if (row) release(context, row, { readyAt: nextPollAt.getTime() });
    });
  }

  fail(jobId: string, error: string, shouldRetry = false, fence?: JobFence): Promise<void> {
    return this.#step((context) => {
      const row = this.#notStarted(jobId, fence);
      if (!row) return;
      if (!shouldRetry || isSpent(row)) failStage(context, row, error);
      else putBack(context, row, context.now + backoffMs(row.state.attempt));
    });
  }

  getSuspendedJobsReadyToPoll(): Promise<Array<{ jobId: string; stageId: string; workflowRunId: string }>> {
    return this.#step(({ tables, now }) => {
      const polled = liveStages(tables, tables.stages.by("polled", "yes"), null);
      const due = polled.filter(({ stage: { state } }) => state.waitReason === "poll" && state.pollAt! <= now);
      return due.map(({ run, stage }) => {
        const { id, stageId, workflowRunId } = toJobRecord(run, stage);
        return { jobId: id, stageId, workflowRunId };
      });
    });
  }

  releaseStaleJobs(staleThresholdMs = DEFAULT_STALE_MS): Promise<number> {
    return this.#step((context) => {
      const before = context.now - staleThresholdMs;
      const leased = context.tables.stages.by("leased", this.#instance.id);
      const stale = leased.filter(({ state }) => state.status === "PENDING" && state.lease!.lockedAt < before);
      const spent = stale.filter(isSpent);
      for (const row of stale) {
        if (spent.includes(row)) failStage(context, row, WORKER_LOST);
        else putBack(context, row, context.now);
      }
      return stale.length - spent.length;
    });
  }

  heartbeat(jobId: string): Promise<void> {
    return this.#step(({ tables, now }) => {
      const row = this.#rowOf(jobId);
      if (row?.state.lease) putStage(tables, row, { lease: { ...row.state.lease, lockedAt: now } }, now);
    });
  }

  cancelByRun(workflowRunId: string): Promise<number> {
    return this.#step((context) => {
      const queued = context.tables.stages
        .by("run", workflowRunId)
        .filter(({ state }) => state.status === "PENDING" && (state.readyAt !== null || state.lease !== null));
      for (const row of queued) release(context, row, { readyAt: null, executionId: context.newId() });
      return queued.length;
    });
  }

  /** The stage whose execution this job is; null once it has moved on. */
  #rowOf(jobId: string): StageRow | null {
    const ref = parseJobId(jobId);
    const row = ref && this.#tables.stages.get(stageRecordId(ref.runId, ref.stageId, ref.item));
    return row && row.state.executionId === ref.executionId ? row : null;
  }

  /** The same, while this transport has leased it and the engine has not started it: what the engine started, it also ends. */
  #notStarted(jobId: string, fence: JobFence | undefined): StageRow | null {
    const row = this.#rowOf(jobId);
    const isOurs = row?.state.status === "PENDING" && row.state.lease?.instanceId === this.#instance.id;
    const isOther = fence?.attempt !== undefined && fence.attempt !== row?.state.attempt;
    return isOurs && !isOther ? row : null;
  }

  #step<T>(work: (context: TakeContext) => T): Promise<T> {
    const environment = this.#environment;
    return this.#tables.step(() => work({ tables: this.#tables, now: environment.now(), newId: () => environment.newId() }));
  }
}

/** Queues a PENDING stage and answers its job's id; what is queued, leased or over under this id is left as it is. */
function queueStage({ tables, now }: TakeContext, input: EnqueueJobInput): string {
  const { workflowRunId, stageId, jobId } = input;
  const run = requireRunRow(tables, workflowRunId);
  const row = tables.stages.get(stageRecordId(workflowRunId, stageId));
  if (!row)
    throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${stageId} of run ${workflowRunId} not found. Create it before its job.`);
  const { id, status } = toJobRecord(run, row);
  const isOld = jobId !== undefined && jobId !== id && parseJobId(jobId) !== null;
  const isQueued = jobId !== undefined && row.state.readyAt !== null;
  if (isOld || isQueued || status !== "PENDING") return isOld ? jobId : id;
  const set: Partial<StageState> = { readyAt: input.scheduledFor?.getTime() ?? now };
  if (input.attempt !== undefined) set.attempt = input.attempt;
  if (input.maxAttempts !== undefined) set.maxAttempts = input.maxAttempts;
  putStage(tables, row, set, now);
  touchRun(tables, workflowRunId, now);
  return id;
}

function resultOf(job: JobRecord): DequeueResult {
  const { id, workflowRunId, workflowId, stageId, priority, attempt, maxAttempts, payload } = job;
  return { jobId: id, workflowRunId, workflowId, stageId, priority, attempt, maxAttempts, payload };
}

function isSpent(row: StageRow): boolean {
  return row.state.attempt >= row.state.maxAttempts;
}

function release({ tables, now }: TakeContext, row: StageRow, set: Partial<StageState>): void {
  putStage(tables, row, { lease: null, ...set }, now);
  touchRun(tables, row.state.runId, now);
}

function putBack(context: TakeContext, row: StageRow, readyAt: number): void {
  release(context, row, { readyAt, waitReason: "retry", executionId: context.newId() });
}

function failStage(context: TakeContext, row: StageRow, error: string): void {
  const { tables, now } = context;
  const { runId, stageId, name } = row.state;
  release(context, row, { status: "FAILED", readyAt: null, completedAt: now, error });
  appendEvents(tables, runId, [{ type: "stage:failed", stageId, stageName: name, error }], now);
  recount(tables, runId, now);
}
