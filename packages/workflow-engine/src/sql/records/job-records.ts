// Stage rows as a queue moves them. Whatever moves a stage locks its run first and gives it a new version, so that nobody writes what it
// decided on older rows (P4).
import { WorkflowEngineError } from "../../errors.ts";
import type { DequeueResult } from "../../ports/job.ts";
import type { ExecutionRef, Instance, RunState, StageState } from "../../ports/store.ts";
import { jobIdOf } from "../../store/record-ids.ts";
import { forOne } from "../dialect.ts";
import { encodeEvent } from "../outbox-events.ts";
import { ensureInstances } from "../tables/instances.ts";
import { insertOutbox } from "../tables/outbox.ts";
import { touchRuns } from "../tables/run-writes.ts";
import { updateStageRow, updateStages } from "../tables/stage-writes.ts";
import {
  loadRunStages,
  loadStages,
  ofRunningRun,
  readExecutionRef,
  readStageState,
  stageStateColumns,
  stageStateWidth,
} from "../tables/stages.ts";
import { fromText } from "./json-text.ts";
import { lockRun, recount } from "./run-records.ts";
import type { Step } from "./steps.ts";

const pickDue = forOne("pick_due_jobs", { now: "int", max: "limit" }, (p, dialect) => {
  return `SELECT ${stageStateColumns}, r.workflow_id, r.priority, r.config FROM stages s ${dialect.useIndex("stages_queue")}
    ${ofRunningRun(dialect, "r.workflow_id, r.priority, r.config")} WHERE s.ready_at IS NOT NULL AND s.ready_at <= ${p.now} AND s.status = 'PENDING'
    ORDER BY s.priority DESC, s.ready_at, s.run_id, s.number, s.item LIMIT ${p.max} ${dialect.lockFreeRows}`;
});
const findDueRuns = forOne("find_due_runs", { now: "int", max: "limit" }, (p, dialect) => {
  return `SELECT s.run_id FROM stages s ${dialect.useIndex("stages_queue")}
    WHERE s.ready_at IS NOT NULL AND s.ready_at <= ${p.now} AND s.status = 'PENDING'
      AND 'RUNNING' = (SELECT r.status FROM runs r WHERE r.id = s.run_id)
    ORDER BY s.priority DESC, s.ready_at, s.run_id, s.number, s.item LIMIT ${p.max}`;
});
const findDuePolls = forOne("find_due_polls", { now: "int" }, (p, dialect) => {
  return `SELECT s.run_id, s.stage_id, s.item, s.execution_id FROM stages s ${ofRunningRun(dialect)}
    WHERE s.poll_at IS NOT NULL AND s.poll_at <= ${p.now} AND s.status = 'SUSPENDED' AND s.wait_reason = 'poll'
    ORDER BY s.poll_at, s.run_id, s.stage_id, s.item`;
});
const findLeased = forOne("find_leased_jobs", { instance_id: "text", before: "int" }, (p, dialect) => {
  const leased = `s.run_id = r.id AND s.status = 'PENDING' AND s.instance_id = ${p.instance_id} AND s.locked_at < ${p.before}`;
  return `SELECT s.run_id, s.stage_id, s.item, s.execution_id FROM runs r
    ${dialect.thenJoin("stages s", "s.run_id, s.stage_id, s.item, s.execution_id", leased)} WHERE r.status = 'RUNNING'
    ORDER BY s.run_id, s.stage_id, s.item`;
});
const renew = forOne("renew_job_lease", { run_id: "text", stage_id: "text", item: "int", execution_id: "text", now: "int" }, (p) => {
  return `UPDATE stages SET locked_at = ${p.now}, updated_at = ${p.now}, version = version + 1 WHERE run_id = ${p.run_id}
    AND stage_id = ${p.stage_id} AND item = ${p.item} AND execution_id = ${p.execution_id} AND instance_id IS NOT NULL`;
});

/** A stage whose run is locked. */
export interface JobStage {
  readonly run: RunState;
  readonly eventCount: number;
  readonly state: StageState;
}

/** Locks runs in the order of their ids; throws RUN_NOT_FOUND. */
export async function lockRuns(step: Step, ids: readonly string[]): Promise<void> {
  for (const id of [...new Set(ids)].sort()) {
    if (!(await lockRun(step, id))) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${id} not found`);
  }
}

/** Locks the run of a stage and reads both; null when there is no such stage. */
export async function findStage(step: Step, runId: string, stageId: string, item = 0): Promise<JobStage | null> {
  const lock = await lockRun(step, runId);
  const [row] = await step.session.read(loadStages, [[runId, stageId, item]]);
  return lock && row ? { ...lock, state: readStageState(row) } : null;
}

/** The same for an execution; null once the stage has moved on from it. */
export async function lockStage(step: Step, { runId, stageId, item, executionId }: ExecutionRef): Promise<JobStage | null> {
  const stage = await findStage(step, runId, stageId, item);
  return stage?.state.executionId === executionId ? stage : null;
}

/** Leases the most urgent due stages to an instance, one try more each; they stay PENDING. */
export async function leaseDue(step: Step, instance: Instance, max: number): Promise<DequeueResult[]> {
  const { session, now } = step;
  const rows = await session.read(pickDue, [[now, max]]);
  if (rows.length === 0) return [];
  const lease = { instanceId: instance.id, workerId: instance.workerId, lockedAt: now };
  const leased = rows.map((row) => {
    const before = readStageState(row);
    const state: StageState = { ...before, attempt: before.attempt + 1, lease, readyAt: null, waitReason: null };
    const [workflowId, priority, config] = row.slice(stageStateWidth) as [string, number, string];
    return { state, workflowId, priority, config };
  });
  await session.write(ensureInstances, [[instance.id, instance.workerId, now]]);
  const moved = leased.map(({ state }) => updateStageRow(state, {}, 1, now));
  await session.write(updateStages, moved);
  const runIds = [...new Set(leased.map(({ state }) => state.runId))].sort();
  const touched = runIds.map((id) => [id, 0, now]);
  await session.write(touchRuns, touched);
  return leased.map(({ state, workflowId, priority, config }) => {
    const { runId: workflowRunId, stageId, attempt, maxAttempts, executionId } = state;
    const payload = { config: fromText(config), executionId };
    return { jobId: jobIdOf(state), workflowRunId, workflowId, stageId, priority, attempt, maxAttempts, payload };
  });
}

/** Waits for whoever has a run with due stages and locks it; false when no stage is due. To be called before anything else is locked. */
export async function lockDue(step: Step, max: number): Promise<boolean> {
  const due = (await step.session.read(findDueRuns, [[step.now, max]])).map(([id]) => id as string);
  for (const id of [...new Set(due)].sort()) await lockRun(step, id);
  return due.length > 0;
}

/** Gives up a lease, if there is one, and sets what comes next. */
export async function release(step: Step, stage: JobStage, set: Partial<StageState>): Promise<void> {
  await move(step, stage.state, set);
  await step.session.write(touchRuns, [[stage.state.runId, 0, step.now]]);
}

/** Ends a stage as FAILED, with its event; the run's counters follow. */
export async function failStage(step: Step, stage: JobStage, error: string): Promise<void> {
  const { session, now, signal } = step;
  const { runId, stageId, name } = stage.state;
  await move(step, stage.state, { status: "FAILED", readyAt: null, completedAt: now, error });
  const events = `[${encodeEvent({ type: "stage:failed", stageId, stageName: name, error })}]`;
  await session.write(insertOutbox, [[runId, now, events, 1, stage.eventCount + 1]]);
  await session.write(touchRuns, [[runId, 1, now]]);
  await recount(step, stage.run);
  signal.hasEvents = true;
}

/** Executions leased to an instance before an instant and not started. */
export async function listLeased({ session }: Step, instance: Instance, before: number): Promise<ExecutionRef[]> {
  return (await session.read(findLeased, [[instance.id, before]])).map(readExecutionRef);
}

/** Suspended executions whose poll is due. */
export async function listDuePolls({ session, now }: Step): Promise<ExecutionRef[]> {
  return (await session.read(findDuePolls, [[now]])).map(readExecutionRef);
}

/** Says that whoever has leased an execution is at it. */
export async function renewLease({ session, now }: Step, { runId, stageId, item, executionId }: ExecutionRef): Promise<void> {
  await session.write(renew, [[runId, stageId, item, executionId, now]]);
}

/** Takes a run's queued stages out of the queue, under new executions; answers how many. */
export async function cancelQueued(step: Step, runId: string): Promise<number> {
  const lock = await lockRun(step, runId);
  if (!lock) return 0;
  const stages = (await step.session.read(loadRunStages, [[runId]])).map(readStageState);
  const queued = stages.filter((state) => state.status === "PENDING" && (state.readyAt !== null || state.lease !== null));
  for (const state of queued) await move(step, state, { readyAt: null, executionId: step.newId() });
  if (queued.length > 0) await step.session.write(touchRuns, [[runId, 0, step.now]]);
  return queued.length;
}

async function move({ session, now, signal }: Step, before: StageState, set: Partial<StageState>): Promise<void> {
  const after: StageState = { ...before, lease: null, ...set };
  await session.write(updateStages, [updateStageRow(after, {}, 1, now)]);
  signal.sawStage(before, after);
}
