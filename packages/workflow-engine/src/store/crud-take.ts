// Takes work through a foreign queue: a job starts its stage when it still is the stage's execution, and is dropped when the stage has
// moved on, so that a second delivery is harmless (P9, P13). Polls and runs are picked from the records themselves (P3, P10).
import type { DequeueResult } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { RunRecord } from "../ports/run.ts";
import type { Changes, Decide, Instance, Job, Poll, StageChange, StageState } from "../ports/store.ts";
import { type LoadedRun, payloadsOf, queuedAtOf, toText } from "./crud-state.ts";
import { parseJobId } from "./record-ids.ts";

/** A worker that does not know a workflow leaves its jobs for one that does, for this long. */
const giveBackMs = 5_000;
const defaultPollIntervalMs = 30_000;

/** A stage that a job started. */
export interface StartedStage {
  dequeued: DequeueResult;
  stage: StageState;
}

/** What became of jobs of one run: executions begun, and jobs that are over for the queue. */
export interface Starts {
  started: StartedStage[];
  over: DequeueResult[];
}

/** Up to `max` jobs of the queue. */
export async function dequeue(transport: JobTransport, max: number): Promise<DequeueResult[]> {
  if (transport.dequeueMany) return transport.dequeueMany(max);
  const jobs: DequeueResult[] = [];
  while (jobs.length < max) {
    const job = await transport.dequeue();
    if (!job) break;
    jobs.push(job);
  }
  return jobs;
}

/** Starts the stages of these jobs of one run; a job of an unknown workflow waits on under a new execution, no attempt spent. */
export function startJobs(jobs: readonly DequeueResult[], instance: Instance, workflowIds: readonly string[]): Decide<Starts> {
  return ({ run, stages, freshId }, now): Changes<Starts> => {
    const result: Starts = { started: [], over: [] };
    if (run?.status !== "RUNNING") return { result: { ...result, over: [...jobs] } };
    if (!stages) return { result, need: "stages" };
    const isKnown = workflowIds.includes(run.workflowId);
    const changes = new Map<string, StageChange>();
    for (const dequeued of jobs) {
      const stage = stages.find(({ stageId }) => stageId === dequeued.stageId);
      if (!stage || changes.has(stage.stageId) || !isExecutionOf(dequeued, stage)) {
        result.over.push(dequeued);
        continue;
      }
      const set = isKnown ? started(stage, instance, now) : { executionId: `${freshId}-${changes.size}`, readyAt: now + giveBackMs };
      changes.set(stage.stageId, { stageId: stage.stageId, item: stage.item, set });
      if (isKnown) result.started.push({ dequeued, stage: { ...stage, ...set } });
      else result.over.push(dequeued);
    }
    const events = result.started.map(({ stage }) => startedEvent(stage));
    return changes.size === 0 ? { result } : { result, stages: [...changes.values()], run: {}, events };
  };
}

function isExecutionOf({ jobId, payload }: DequeueResult, stage: StageState): boolean {
  const named = payload?.["executionId"] ?? parseJobId(jobId)?.executionId;
  return stage.status === "PENDING" && (named === undefined || named === stage.executionId);
}

function started(stage: StageState, instance: Instance, now: number): Partial<StageState> {
  return {
    status: "RUNNING",
    attempt: stage.attempt + 1,
    lease: { instanceId: instance.id, workerId: instance.workerId, lockedAt: now },
    readyAt: null,
    waitReason: null,
    startedAt: stage.startedAt ?? now,
  };
}

function startedEvent({ stageId, name, number }: StageState): { type: "stage:started"; [field: string]: unknown } {
  return { type: "stage:started", stageId, stageName: name, stageNumber: number };
}

/** The jobs of one run that were started, as workers get them. */
export function jobsOfStarts({ record, stageRecords }: LoadedRun, started: readonly StartedStage[]): Job[] {
  const payloads = payloadsOf(record, stageRecords);
  const { workflowId, priority } = record;
  return started.map(({ stage }) => {
    const { runId, stageId, item, executionId, group, number, attempt, maxAttempts, startedAt } = stage;
    const resumeData = stageRecords.find((found) => found.stageId === stageId)?.resumeData ?? null;
    return {
      ...{ runId, stageId, item, executionId, workflowId, group, number, priority, attempt, maxAttempts, payloads },
      startedAt: startedAt ?? 0,
      resume: resumeData === null ? null : toText(resumeData),
    };
  });
}

/** Due PENDING runs of these workflows, most urgent first. */
export function dueRuns(runs: readonly RunRecord[], workflowIds: readonly string[], now: number): RunRecord[] {
  const known = new Set(workflowIds);
  const due = runs.flatMap((run) => {
    const at = queuedAtOf(run);
    return at !== null && at <= now && known.has(run.workflowId) ? [{ run, at }] : [];
  });
  due.sort((a, b) => b.run.priority - a.run.priority || a.at - b.at || (a.run.id < b.run.id ? -1 : 1));
  return due.map(({ run }) => run);
}

/** Holds a due poll for `holdMs` under a new execution id; null when there is nothing to look at, or not by this process. */
export function holdPoll(stageId: string, holdMs: number, workflowIds: readonly string[]): Decide<StageState | null> {
  return ({ run, stage, freshId }, now): Changes<StageState | null> => {
    const isLive = run?.status === "RUNNING" && workflowIds.includes(run.workflowId);
    const isDue = stage?.status === "SUSPENDED" && stage.waitReason === "poll" && stage.pollAt !== null && stage.pollAt <= now;
    if (!isLive || !isDue) return { result: null };
    const set = { executionId: freshId, pollAt: now + holdMs };
    return { result: { ...stage, ...set }, stages: [{ stageId, item: stage.item, set }], run: {} };
  };
}

/** A held poll as pollers get it. */
export function pollOf({ record, stageRecords }: LoadedRun, stage: StageState): Poll {
  const { runId, stageId, item, executionId, group, number, attempt, maxWaitUntil, pollFailures, startedAt } = stage;
  const state = stageRecords.find((found) => found.stageId === stageId)?.suspendedState;
  const pollIntervalMs = stage.pollIntervalMs ?? defaultPollIntervalMs;
  const wait = { pollIntervalMs, maxWaitUntil, pollFailures, startedAt, state: toText(state), config: toText(record.config ?? {}) };
  return { runId, stageId, item, executionId, workflowId: record.workflowId, group, number, attempt, ...wait };
}
