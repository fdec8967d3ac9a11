// Stages as they are read: each row is its own job. `priority` repeats the run's, so that the queue is one index.
import type { Status, WaitReason } from "../../ports/status.ts";
import type { ExecutionRef, StageState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { type Dialect, forOne, forRows } from "../dialect.ts";

/** Columns of a stage's narrow state, as `readStageState` expects them. */
export const stageStateColumns = `s.run_id, s.stage_id, s.item, s.name, s.number, s.grp, s.status, s.attempt, s.max_attempts, s.execution_id,
  s.instance_id, s.worker_id, s.locked_at, s.wait_reason, s.ready_at, s.poll_at, s.poll_interval_ms, s.max_wait_until, s.poll_failures,
  s.started_at, s.completed_at, s.error`;

/** How many columns that are. */
export const stageStateWidth = 22;

/** The narrow state of a row that begins with `stageStateColumns`. */
export function readStageState(row: Row): StageState {
  const instanceId = row[10] as string | null;
  return {
    runId: row[0] as string,
    stageId: row[1] as string,
    item: row[2] as number,
    name: row[3] as string,
    number: row[4] as number,
    group: row[5] as number,
    status: row[6] as Status,
    attempt: row[7] as number,
    maxAttempts: row[8] as number,
    executionId: row[9] as string,
    lease: instanceId === null ? null : { instanceId, workerId: row[11] as string, lockedAt: row[12] as number },
    waitReason: row[13] as WaitReason | null,
    readyAt: row[14] as number | null,
    pollAt: row[15] as number | null,
    pollIntervalMs: row[16] as number | null,
    maxWaitUntil: row[17] as number | null,
    pollFailures: row[18] as number,
    startedAt: row[19] as number | null,
    completedAt: row[20] as number | null,
    error: row[21] as string | null,
  };
}

/** What names a stage row. */
export const stageIdentity = { run_id: "text", stage_id: "text", item: "int" } as const;

/** Reads stages by their identity. A statement of its own: joined with the locked runs, PostgreSQL would show rows from before the wait. */
export const loadStages = forRows("load_stages", stageIdentity, (u, { join }) => {
  return `SELECT ${stageStateColumns} FROM ${join} stages s WHERE s.run_id = ${u.run_id} AND s.stage_id = ${u.stage_id} AND s.item = ${u.item}`;
});

/** Every stage of runs, as they run. */
export const loadRunStages = forRows("load_run_stages", { run_id: "text" }, (u, { join }) => {
  return `SELECT ${stageStateColumns} FROM ${join} stages s WHERE s.run_id = ${u.run_id} ORDER BY s.grp, s.number, s.item, s.stage_id`;
});

/** Outputs of COMPLETED stages of one group. */
export const loadGroupOutputs = forRows("load_group_outputs", { run_id: "text", grp: "int" }, (u, { join }) => {
  return `SELECT s.stage_id, s.output FROM ${join} stages s
    WHERE s.run_id = ${u.run_id} AND s.grp = ${u.grp} AND s.status = 'COMPLETED' ORDER BY s.number, s.item`;
});

/** Outputs and groups of the COMPLETED stages of runs in the groups before one. */
export const loadOutputs = forRows("load_outputs", { run_id: "text", before_grp: "int" }, (u, { join }) => {
  return `SELECT s.run_id, s.stage_id, s.grp, s.output FROM ${join} stages s
    WHERE s.run_id = ${u.run_id} AND s.grp < ${u.before_grp} AND s.status = 'COMPLETED' ORDER BY s.grp, s.number, s.item`;
});

/** What a suspended stage left. */
export const loadResume = forRows("load_resume", stageIdentity, (u, { join }) => {
  return `SELECT s.resume FROM ${join} stages s WHERE s.run_id = ${u.run_id} AND s.stage_id = ${u.stage_id} AND s.item = ${u.item}`;
});

/** Joins each stage's run, if it is RUNNING and fulfils `condition`. */
export function ofRunningRun(dialect: Dialect, columns = "r.id", condition = "true"): string {
  return dialect.thenJoin("runs r", columns, `r.id = s.run_id AND ${dialect.asFilter("r.status")} = 'RUNNING' AND ${condition}`);
}

/** When the next queued stage of a RUNNING run is due. */
export const nextReadyAt = forOne("next_ready_at", {}, (_, dialect) => {
  return `SELECT s.ready_at FROM stages s ${ofRunningRun(dialect)}
    WHERE s.ready_at IS NOT NULL ORDER BY s.ready_at LIMIT 1`;
});

/** When the next suspended stage of a RUNNING run is polled. */
export const nextPollAt = forOne("next_poll_at", {}, (_, dialect) => {
  return `SELECT s.poll_at FROM stages s ${ofRunningRun(dialect)}
    WHERE s.poll_at IS NOT NULL AND s.status = 'SUSPENDED' ORDER BY s.poll_at LIMIT 1`;
});

/** Workflow ids of stages that wait for a worker or a poll. */
export const listQueuedStageWorkflows = forOne("list_queued_stage_workflows", {}, (_, dialect) => {
  const of = (column: string): string =>
    `SELECT r.workflow_id FROM stages s ${ofRunningRun(dialect, "r.workflow_id")} WHERE s.${column} IS NOT NULL`;
  return `${of("ready_at")} UNION ${of("poll_at")}`;
});

/** The execution of a row that holds run, stage, item and execution id. */
export function readExecutionRef(row: Row): ExecutionRef {
  return { runId: row[0] as string, stageId: row[1] as string, item: row[2] as number, executionId: row[3] as string };
}
