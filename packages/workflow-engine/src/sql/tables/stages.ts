// Stages: each row is its own job. `priority` repeats the run's, so that the queue is one index.
import type { Status, WaitReason } from "../../ports/status.ts";
import type { ExecutionRef, StagePayloads, StageState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { changeOf, forOne, forRows, keepClearSet } from "../dialect.ts";

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

const identity = { run_id: "text", stage_id: "text", item: "int" } as const;
const state = {
  status: "text",
  attempt: "int",
  max_attempts: "int",
  execution_id: "text",
  instance_id: "text",
  worker_id: "text",
  locked_at: "int",
  wait_reason: "text",
  ready_at: "int",
  poll_at: "int",
  poll_interval_ms: "int",
  max_wait_until: "int",
  poll_failures: "int",
  started_at: "int",
  completed_at: "int",
  error: "text",
} as const;
const payloads = { output: "text", state: "text", resume: "text", metrics: "text", embeddings: "text", progress: "text" } as const;

/** Values of a state's columns, in their order. */
function stateValues(stage: StageState): Row {
  const { lease } = stage;
  return [
    stage.status,
    stage.attempt,
    stage.maxAttempts,
    stage.executionId,
    lease ? lease.instanceId : null,
    lease ? lease.workerId : null,
    lease ? lease.lockedAt : null,
    stage.waitReason,
    stage.readyAt,
    stage.pollAt,
    stage.pollIntervalMs,
    stage.maxWaitUntil,
    stage.pollFailures,
    stage.startedAt,
    stage.completedAt,
    stage.error,
  ];
}

/** Reads stages by their identity. A statement of its own: joined with the locked runs, PostgreSQL would show rows from before the wait. */
export const loadStages = forRows("load_stages", identity, (u, { join }) => {
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

/** Outputs and groups of all COMPLETED stages of runs. */
export const loadOutputs = forRows("load_outputs", { run_id: "text" }, (u, { join }) => {
  return `SELECT s.run_id, s.stage_id, s.grp, s.output FROM ${join} stages s
    WHERE s.run_id = ${u.run_id} AND s.status = 'COMPLETED' ORDER BY s.grp, s.number, s.item`;
});

/** What a suspended stage left. */
export const loadResume = forRows("load_resume", identity, (u, { join }) => {
  return `SELECT s.resume FROM ${join} stages s WHERE s.run_id = ${u.run_id} AND s.stage_id = ${u.stage_id} AND s.item = ${u.item}`;
});

/** Inserts stages that open and have known nothing yet. */
export const insertNewStages = forRows(
  "insert_new_stages",
  {
    ...identity,
    name: "text",
    number: "int",
    grp: "int",
    priority: "int",
    created_at: "int",
    updated_at: "int",
    status: "text",
    attempt: "int",
    max_attempts: "int",
    execution_id: "text",
    instance_id: "text",
    worker_id: "text",
    locked_at: "int",
    ready_at: "int",
    started_at: "int",
  },
  (_, { insert }) => insert("stages"),
);

/** Parameters of `insertNewStages`. */
export function insertNewStageRow(stage: StageState, priority: number, now: number): Row {
  const { lease } = stage;
  return [
    stage.runId,
    stage.stageId,
    stage.item,
    stage.name,
    stage.number,
    stage.group,
    priority,
    now,
    now,
    stage.status,
    stage.attempt,
    stage.maxAttempts,
    stage.executionId,
    lease ? lease.instanceId : null,
    lease ? lease.workerId : null,
    lease ? lease.lockedAt : null,
    stage.readyAt,
    stage.startedAt,
  ];
}

/** True when `insertNewStages` writes everything that is to be said of a stage. */
export function isNew(stage: StageState, set: StagePayloads): boolean {
  const hasWait = stage.waitReason !== null || stage.pollAt !== null || stage.pollIntervalMs !== null || stage.maxWaitUntil !== null;
  const hasPast = stage.pollFailures !== 0 || stage.completedAt !== null || stage.error !== null;
  return !hasWait && !hasPast && Object.keys(set).length === 0;
}

/** Inserts stages with all that is to be said of them. */
export const insertStages = forRows(
  "insert_stages",
  { ...identity, name: "text", number: "int", grp: "int", priority: "int", created_at: "int", updated_at: "int", ...state, ...payloads },
  (_, { insert }) => insert("stages"),
);

/** Parameters of `insertStages`. */
export function insertStageRow(stage: StageState, set: StagePayloads, priority: number, now: number): Row {
  return [
    stage.runId,
    stage.stageId,
    stage.item,
    stage.name,
    stage.number,
    stage.group,
    priority,
    now,
    now,
    ...stateValues(stage),
    set.output ?? null,
    set.state ?? null,
    set.resume ?? null,
    set.metrics ?? null,
    set.embeddings ?? null,
    set.progress ?? null,
  ];
}

/** Ends leased stages that wait for nothing: no index has a part in it. */
export const endStages = forRows(
  "end_stages",
  {
    ...identity,
    status: "text",
    completed_at: "int",
    error: "text",
    output: "text",
    metrics: "text",
    embeddings: "text",
    updated_at: "int",
  },
  (u, { from }) => `UPDATE stages SET status = ${u.status}, completed_at = ${u.completed_at}, duration = NULL, error = ${u.error},
    output = ${keepClearSet("output", u.output)}, metrics = ${keepClearSet("metrics", u.metrics)},
    embeddings = ${keepClearSet("embeddings", u.embeddings)}, instance_id = NULL, worker_id = NULL, locked_at = NULL,
    updated_at = ${u.updated_at}, version = version + 1 ${from}
    WHERE run_id = ${u.run_id} AND stage_id = ${u.stage_id} AND item = ${u.item}`,
);

/** Parameters of `endStages`. */
export function endStageRow(stage: StageState, set: StagePayloads, now: number): Row {
  return [
    stage.runId,
    stage.stageId,
    stage.item,
    stage.status,
    stage.completedAt,
    stage.error,
    changeOf(set.output),
    changeOf(set.metrics),
    changeOf(set.embeddings),
    now,
  ];
}

/** True when `endStages` writes everything that makes `after` of `before`. */
export function isEnd(before: StageState, after: StageState, set: StagePayloads): boolean {
  const waited = before.readyAt !== null || before.pollAt !== null || before.waitReason !== null;
  const waits = after.readyAt !== null || after.pollAt !== null || after.waitReason !== null || after.lease !== null;
  const isSameTry =
    before.attempt === after.attempt && before.maxAttempts === after.maxAttempts && before.executionId === after.executionId;
  const isSamePoll = before.pollIntervalMs === after.pollIntervalMs && before.maxWaitUntil === after.maxWaitUntil;
  const isSame = isSameTry && isSamePoll && before.pollFailures === after.pollFailures && before.startedAt === after.startedAt;
  const isOutput = set.state === undefined && set.resume === undefined && set.progress === undefined;
  return after.completedAt !== before.completedAt && !waited && !waits && isSame && isOutput;
}

/** Writes the narrow state and the payloads of stages whose run is locked. */
export const updateStages = forRows(
  "update_stages",
  { ...identity, updated_at: "int", changes: "int", ...state, ...payloads },
  (u, { from }) => `UPDATE stages SET
    duration = CASE WHEN completed_at IS NOT DISTINCT FROM ${u.completed_at} THEN duration END,
    ${Object.keys(state)
      .map((column) => `${column} = ${u[column as keyof typeof state]}`)
      .join(", ")},
    ${Object.keys(payloads)
      .map((column) => `${column} = ${keepClearSet(column, u[column as keyof typeof payloads])}`)
      .join(", ")},
    updated_at = ${u.updated_at}, version = version + ${u.changes} ${from}
    WHERE run_id = ${u.run_id} AND stage_id = ${u.stage_id} AND item = ${u.item}`,
);

/** Parameters of `updateStages`; `changes` is how many changes this one amounts to. */
export function updateStageRow(stage: StageState, set: StagePayloads, changes: number, now: number): Row {
  return [
    stage.runId,
    stage.stageId,
    stage.item,
    now,
    changes,
    ...stateValues(stage),
    changeOf(set.output),
    changeOf(set.state),
    changeOf(set.resume),
    changeOf(set.metrics),
    changeOf(set.embeddings),
    changeOf(set.progress),
  ];
}

const ended = "('COMPLETED', 'FAILED', 'CANCELLED', 'SKIPPED')";

/** Ends every stage of runs that has not ended. */
export const endOpenStages = forRows("end_open_stages", { run_id: "text", status: "text", now: "int" }, (u, { from }) => {
  return `UPDATE stages SET status = ${u.status}, completed_at = ${u.now}, duration = NULL, instance_id = NULL, worker_id = NULL, locked_at = NULL,
    wait_reason = NULL, ready_at = NULL, poll_at = NULL, updated_at = ${u.now}, version = version + 1 ${from}
    WHERE run_id = ${u.run_id} AND status NOT IN ${ended}`;
});

/** Deletes the stages of a group and of every later one. */
export const dropStages = forOne("drop_stages", { run_id: "text", grp: "int" }, (p) => {
  return `DELETE FROM stages WHERE run_id = ${p.run_id} AND grp >= ${p.grp}`;
});

/** When the next queued stage of a RUNNING run is due. */
export const nextReadyAt = forOne("next_ready_at", {}, () => {
  return `SELECT s.ready_at FROM stages s CROSS JOIN runs r
    WHERE r.id = s.run_id AND s.ready_at IS NOT NULL AND r.status = 'RUNNING' ORDER BY s.ready_at LIMIT 1`;
});

/** When the next suspended stage of a RUNNING run is polled. */
export const nextPollAt = forOne("next_poll_at", {}, () => {
  return `SELECT s.poll_at FROM stages s CROSS JOIN runs r
    WHERE r.id = s.run_id AND s.poll_at IS NOT NULL AND r.status = 'RUNNING' ORDER BY s.poll_at LIMIT 1`;
});

/** Workflow ids of stages that wait for a worker or a poll. */
export const listQueuedStageWorkflows = forOne("list_queued_stage_workflows", {}, () => {
  const of = (column: string): string => `SELECT r.workflow_id FROM stages s CROSS JOIN runs r
    WHERE r.id = s.run_id AND s.${column} IS NOT NULL AND r.status = 'RUNNING'`;
  return `${of("ready_at")} UNION ${of("poll_at")}`;
});

/** The execution of a row that holds run, stage, item and execution id. */
export function readExecutionRef(row: Row): ExecutionRef {
  return { runId: row[0] as string, stageId: row[1] as string, item: row[2] as number, executionId: row[3] as string };
}
