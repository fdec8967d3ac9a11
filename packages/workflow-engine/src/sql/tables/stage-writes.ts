// Stages as they are written. The commonest changes have statements of their own, narrow and without a part in any index: a stage
// that opens, a leased one that ends.
import type { StagePayloads, StageState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { changeOf, forOne, forRows, keepClearSet } from "../dialect.ts";
import { stageIdentity } from "./stages.ts";

/** Columns of the state that changes. */
export const stateColumns = {
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
export function stateValues(stage: StageState): Row {
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

/** Inserts stages that open and have known nothing yet. */
export const insertNewStages = forRows(
  "insert_new_stages",
  {
    ...stageIdentity,
    name: "text",
    number: "int",
    grp: "int",
    priority: "int",
    created_at: "instant",
    updated_at: "instant",
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
  {
    ...stageIdentity,
    name: "text",
    number: "int",
    grp: "int",
    priority: "int",
    created_at: "instant",
    updated_at: "instant",
    ...stateColumns,
    ...payloads,
  },
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

/** Ends stages that wait for nothing and keep their lease on record: no index has a part in it. */
export const endStages = forRows(
  "end_stages",
  {
    ...stageIdentity,
    status: "text",
    completed_at: "int",
    error: "text",
    output: "text",
    metrics: "text",
    embeddings: "text",
    updated_at: "instant",
  },
  (u, { from }) => `UPDATE stages SET status = ${u.status}, completed_at = ${u.completed_at}, duration = NULL, error = ${u.error},
    output = ${keepClearSet("stages.output", u.output)}, metrics = ${keepClearSet("stages.metrics", u.metrics)},
    embeddings = ${keepClearSet("stages.embeddings", u.embeddings)},
    updated_at = ${u.updated_at}, version = stages.version + 1 ${from}
    WHERE stages.run_id = ${u.run_id} AND stages.stage_id = ${u.stage_id} AND stages.item = ${u.item}`,
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
  const waits = after.readyAt !== null || after.pollAt !== null || after.waitReason !== null || after.lease !== before.lease;
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
  { ...stageIdentity, updated_at: "instant", changes: "int", ...stateColumns, ...payloads },
  (u, { from }) => `UPDATE stages SET
    duration = CASE WHEN stages.completed_at IS NOT DISTINCT FROM ${u.completed_at} THEN stages.duration END,
    ${Object.keys(stateColumns)
      .map((column) => `${column} = ${u[column as keyof typeof stateColumns]}`)
      .join(", ")},
    ${Object.keys(payloads)
      .map((column) => `${column} = ${keepClearSet(`stages.${column}`, u[column as keyof typeof payloads])}`)
      .join(", ")},
    updated_at = ${u.updated_at}, version = stages.version + ${u.changes} ${from}
    WHERE stages.run_id = ${u.run_id} AND stages.stage_id = ${u.stage_id} AND stages.item = ${u.item}`,
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
export const endOpenStages = forRows("end_open_stages", { run_id: "text", status: "text", now: "instant" }, (u, { from }) => {
  return `UPDATE stages SET status = ${u.status}, completed_at = ${u.now}, duration = NULL, instance_id = NULL, worker_id = NULL, locked_at = NULL,
    wait_reason = NULL, ready_at = NULL, poll_at = NULL, updated_at = ${u.now}, version = stages.version + 1 ${from}
    WHERE stages.run_id = ${u.run_id} AND stages.status NOT IN ${ended}`;
});

/** Deletes the stages of a group and of every later one. */
export const dropStages = forOne("drop_stages", { run_id: "text", grp: "int" }, (p) => {
  return `DELETE FROM stages WHERE run_id = ${p.run_id} AND grp >= ${p.grp}`;
});
