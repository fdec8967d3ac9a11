// The queue's view of the stage rows of a SQL store: a stage row is its own job, and a job's id carries its execution, so that an old
// one never touches a new one (P9, P13). Never await it inside withTransaction of the same store: it waits its turn.
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { DequeueResult, EnqueueJobInput } from "../../ports/job.ts";
import type { JobFence, JobTransport } from "../../ports/job-transport.ts";
import type { Instance, StageState } from "../../ports/store.ts";
import { backoffMs, WORKER_LOST } from "../../store/job-backoff.ts";
import { jobIdOf, parseJobId } from "../../store/record-ids.ts";
import type { JobStage } from "./job-records.ts";
import * as jobs from "./job-records.ts";
import type { Step, Steps } from "./steps.ts";

const DEFAULT_STALE_MS = 60_000;

/** Leases stages without starting them: `job.execute` does that. */
export class SqlJobTransport implements JobTransport {
  readonly #steps: Steps;
  readonly #instance: Instance;

  constructor(steps: Steps, environment: Pick<Environment, "newId">) {
    this.#steps = steps;
    this.#instance = { id: environment.newId(), workerId: "sql-transport" };
  }

  async enqueue(input: EnqueueJobInput): Promise<string> {
    return (await this.enqueueParallel([input]))[0]!;
  }

  enqueueParallel(inputs: EnqueueJobInput[]): Promise<string[]> {
    return this.#steps.write(async (step) => {
      const ids: string[] = [];
      await jobs.lockRuns(
        step,
        inputs.map((input) => input.workflowRunId),
      );
      for (const input of inputs) ids.push(await queueStage(step, input));
      return ids;
    });
  }

  async dequeue(): Promise<DequeueResult | null> {
    return (await this.dequeueMany(1))[0] ?? null;
  }

  async dequeueMany(max: number): Promise<DequeueResult[]> {
    let isShared = false;
    const taken = await this.#steps.write((step) => {
      isShared = step.session.dialect.locksRows;
      return jobs.leaseDue(step, this.#instance, max);
    });
    if (taken.length > 0 || !isShared) return taken;
    // what is due may be a sibling of a stage that somebody is just moving: it is not to be passed by, so this waits for its run
    for (;;) {
      const waited = await this.#steps.write(async (step) => {
        return (await jobs.lockDue(step, max)) ? jobs.leaseDue(step, this.#instance, max) : null;
      });
      if (waited === null) return [];
      if (waited.length > 0) return waited;
    }
  }

  complete(jobId: string, fence?: JobFence): Promise<void> {
    return this.#change(jobId, fence, (step, stage) => jobs.release(step, stage, { readyAt: null }));
  }

  suspend(jobId: string, nextPollAt: Date, fence?: JobFence): Promise<void> {
    return this.#change(jobId, fence, (step, stage) => jobs.release(step, stage, { readyAt: nextPollAt.getTime() }));
  }

  fail(jobId: string, error: string, shouldRetry = false, fence?: JobFence): Promise<void> {
    return this.#change(jobId, fence, async (step, stage) => {
      if (!shouldRetry || isSpent(stage.state)) await jobs.failStage(step, stage, error);
      else await putBack(step, stage, step.now + backoffMs(stage.state.attempt));
    });
  }

  getSuspendedJobsReadyToPoll(): Promise<Array<{ jobId: string; stageId: string; workflowRunId: string }>> {
    return this.#steps.read(async (step) => {
      const due = await jobs.listDuePolls(step);
      return due.map((ref) => ({ jobId: jobIdOf(ref), stageId: ref.stageId, workflowRunId: ref.runId }));
    });
  }

  releaseStaleJobs(staleThresholdMs = DEFAULT_STALE_MS): Promise<number> {
    return this.#steps.write(async (step) => {
      const stale = await jobs.listLeased(step, this.#instance, step.now - staleThresholdMs);
      let released = 0;
      for (const ref of stale) {
        const stage = await jobs.lockStage(step, ref);
        if (!stage || !this.#isNotStarted(stage.state)) continue;
        if (isSpent(stage.state)) await jobs.failStage(step, stage, WORKER_LOST);
        else await putBack(step, stage, step.now);
        if (!isSpent(stage.state)) released += 1;
      }
      return released;
    });
  }

  async heartbeat(jobId: string): Promise<void> {
    const ref = parseJobId(jobId);
    if (ref) await this.#steps.write((step) => jobs.renewLease(step, ref));
  }

  cancelByRun(workflowRunId: string): Promise<number> {
    return this.#steps.write((step) => jobs.cancelQueued(step, workflowRunId));
  }

  /** Changes the stage of a job while this transport has leased it and the engine has not started it: what the engine started, it also ends. */
  async #change(jobId: string, fence: JobFence | undefined, change: (step: Step, stage: JobStage) => Promise<void>): Promise<void> {
    const ref = parseJobId(jobId);
    if (!ref) return;
    await this.#steps.write(async (step) => {
      const stage = await jobs.lockStage(step, ref);
      if (!stage || !this.#isNotStarted(stage.state)) return;
      if (fence?.attempt === undefined || fence.attempt === stage.state.attempt) await change(step, stage);
    });
  }

  #isNotStarted({ status, lease }: StageState): boolean {
    return status === "PENDING" && lease?.instanceId === this.#instance.id;
  }
}

/** Queues a PENDING stage and answers its job's id; what is queued, leased or over under this id is left as it is. */
async function queueStage(step: Step, input: EnqueueJobInput): Promise<string> {
  const { workflowRunId, stageId, jobId } = input;
  const stage = await jobs.findStage(step, workflowRunId, stageId);
  if (!stage)
    throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${stageId} of run ${workflowRunId} not found. Create it before its job.`);
  const { status, lease, readyAt } = stage.state;
  const id = jobIdOf(stage.state);
  const isOld = jobId !== undefined && jobId !== id && parseJobId(jobId) !== null;
  const isQueued = jobId !== undefined && readyAt !== null;
  if (isOld || isQueued || status !== "PENDING" || lease) return isOld ? jobId : id;
  await jobs.release(step, stage, {
    readyAt: input.scheduledFor?.getTime() ?? step.now,
    attempt: input.attempt ?? stage.state.attempt,
    maxAttempts: input.maxAttempts ?? stage.state.maxAttempts,
  });
  return id;
}

function isSpent({ attempt, maxAttempts }: StageState): boolean {
  return attempt >= maxAttempts;
}

async function putBack(step: Step, stage: JobStage, readyAt: number): Promise<void> {
  await jobs.release(step, stage, { readyAt, waitReason: "retry", executionId: step.newId() });
}
