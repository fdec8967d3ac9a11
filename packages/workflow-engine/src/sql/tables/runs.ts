// Runs: one row each, narrow state and payloads. `stranded_at` is set while a RUNNING run's group has ended and nobody opened the
// next; it is a column of its own so that the index on it changes only then (P17).
import type { Status } from "../../ports/status.ts";
import type { NewRun, RunState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { changeOf, forCheck, forOne, forRows, keepClearSet } from "../dialect.ts";

/** Columns of a run's narrow state, as `readRunState` expects them. */
export const runStateColumns =
  "r.id, r.workflow_id, r.status, r.priority, r.grp, r.open, r.suspended, r.version, r.created_at, r.started_at, r.completed_at, r.queued_at, r.transition_at, r.error";

/** How many columns that are. */
export const runStateWidth = 14;

/** The narrow state of a row that begins with `runStateColumns`. */
export function readRunState(row: Row): RunState {
  return {
    id: row[0] as string,
    workflowId: row[1] as string,
    status: row[2] as Status,
    priority: row[3] as number,
    group: row[4] as number,
    open: row[5] as number,
    suspended: row[6] as number,
    version: row[7] as number,
    createdAt: row[8] as number,
    startedAt: row[9] as number | null,
    completedAt: row[10] as number | null,
    queuedAt: row[11] as number | null,
    transitionAt: row[12] as number | null,
    error: row[13] as string | null,
  };
}

/** Locks runs in the order of their ids and reads their state; the number of their events follows. */
export const lockRuns = forRows("lock_runs", { id: "text" }, (u, { join, dialect }) => {
  return `SELECT ${runStateColumns}, r.event_count FROM ${join} runs r WHERE r.id = ${u.id} ORDER BY r.id ${dialect.lockRows}`;
});

/**
 * Locks runs in the order of their ids if they are as remembered, and fails if any is not: an error ends the transaction whatever is on
 * its way behind it, so nobody waits for this answer. A run that was deleted and made again under its id is another one.
 */
export const checkRuns = forCheck(
  "check_runs",
  { id: "text", version: "int", event_count: "int", created_at: "int" },
  (u, { from, join, dialect }) => {
    const found = `SELECT r.id FROM ${join} runs r
      WHERE r.id = ${u.id} AND r.version = ${u.version} AND r.event_count = ${u.event_count} AND r.created_at = ${u.created_at}`;
    // to divide by zero is no error on SQLite, where whoever sends it looks whether a row is found
    if (dialect.name === "sqlite") return found;
    return `SELECT 1 / (CASE WHEN count(*) = (SELECT count(*) ${from}) THEN 1 ELSE 0 END) FROM (
      ${found} ORDER BY r.id ${dialect.lockRows}) AS fresh`;
  },
);

/** Picks due runs, most urgent first, that nobody else is picking; the number of their events, input and config follow the state. */
export const pickRuns = forOne("pick_runs", { now: "int", workflow_ids: "texts", max: "limit" }, (p, dialect) => {
  return `SELECT ${runStateColumns}, r.event_count, r.input, r.config FROM runs r
    WHERE r.queued_at IS NOT NULL AND r.queued_at <= ${p.now} AND ${dialect.isIn("r.workflow_id", p.workflow_ids)} AND r.status = 'PENDING'
    ORDER BY r.priority DESC, r.queued_at, r.id LIMIT ${p.max} ${dialect.lockFreeRows}`;
});

/** Inserts runs with all their state. */
export const insertRuns = forRows(
  "insert_runs",
  {
    id: "text",
    workflow_id: "text",
    workflow_name: "text",
    workflow_type: "text",
    workflow_version: "text",
    status: "text",
    priority: "int",
    grp: "int",
    open: "int",
    suspended: "int",
    version: "int",
    event_count: "int",
    created_at: "int",
    updated_at: "int",
    started_at: "int",
    completed_at: "int",
    queued_at: "int",
    transition_at: "int",
    stranded_at: "int",
    error: "text",
    input: "text",
    config: "text",
    output: "text",
    metadata: "text",
    parent_run_id: "text",
  },
  (_, { insert }) => insert("runs"),
);

/** Parameters of `insertRuns`. */
export function insertRunRow(run: RunState, created: NewRun, output: string | null, eventCount: number, now: number): Row {
  return [
    run.id,
    run.workflowId,
    created.workflowName,
    run.workflowId,
    created.workflowVersion,
    run.status,
    run.priority,
    run.group,
    run.open,
    run.suspended,
    run.version,
    eventCount,
    run.createdAt,
    now,
    run.startedAt,
    run.completedAt,
    run.queuedAt,
    run.transitionAt,
    strandedAt(run, now),
    run.error,
    created.input,
    created.config,
    output,
    created.metadata,
    created.parentRunId,
  ];
}

/** Writes what changes of locked runs while they move from stage to stage: no index has a part in it. */
export const moveRuns = forRows(
  "move_runs",
  {
    id: "text",
    grp: "int",
    open: "int",
    suspended: "int",
    version: "int",
    event_count: "int",
    updated_at: "int",
    error: "text",
  },
  (u, { from }) => `UPDATE runs SET grp = ${u.grp}, open = ${u.open}, suspended = ${u.suspended}, version = ${u.version},
    event_count = ${u.event_count}, updated_at = ${u.updated_at}, error = ${u.error} ${from} WHERE runs.id = ${u.id}`,
);

/** Parameters of `moveRuns`. */
export function moveRunRow(run: RunState, eventCount: number, now: number): Row {
  return [run.id, run.group, run.open, run.suspended, run.version, eventCount, now, run.error];
}

/** True when `moveRuns` writes everything that makes `after` of `before`. */
export function isMove(before: RunState, after: RunState): boolean {
  const isSame = before.status === after.status && before.priority === after.priority && before.queuedAt === after.queuedAt;
  const isSameTime = before.startedAt === after.startedAt && before.completedAt === after.completedAt;
  return isSame && isSameTime && after.transitionAt === null && before.transitionAt === null && !isStranded(before) && !isStranded(after);
}

/** Writes the narrow state and the output of locked runs. */
export const updateRuns = forRows(
  "update_runs",
  {
    id: "text",
    status: "text",
    priority: "int",
    grp: "int",
    open: "int",
    suspended: "int",
    version: "int",
    event_count: "int",
    updated_at: "int",
    started_at: "int",
    completed_at: "int",
    queued_at: "int",
    transition_at: "int",
    stranded_at: "int",
    error: "text",
    output: "text",
  },
  (u, { from }) => `UPDATE runs SET status = ${u.status}, priority = ${u.priority}, grp = ${u.grp}, open = ${u.open},
    suspended = ${u.suspended}, version = ${u.version}, event_count = ${u.event_count}, updated_at = ${u.updated_at}, started_at = ${u.started_at},
    duration = CASE WHEN runs.completed_at IS NOT DISTINCT FROM ${u.completed_at} THEN runs.duration END,
    completed_at = ${u.completed_at}, queued_at = ${u.queued_at}, transition_at = ${u.transition_at}, stranded_at = ${u.stranded_at},
    error = ${u.error}, output = ${keepClearSet("runs.output", u.output)} ${from} WHERE runs.id = ${u.id}`,
);

/** Parameters of `updateRuns`. */
export function updateRunRow(run: RunState, output: string | null | undefined, eventCount: number, now: number): Row {
  return [
    run.id,
    run.status,
    run.priority,
    run.group,
    run.open,
    run.suspended,
    run.version,
    eventCount,
    now,
    run.startedAt,
    run.completedAt,
    run.queuedAt,
    run.transitionAt,
    strandedAt(run, now),
    run.error,
    changeOf(output),
  ];
}

/** Gives runs a new version, because something of theirs has moved, and counts the events that tell of it. */
export const touchRuns = forRows("touch_runs", { id: "text", events: "int", now: "int" }, (u, { from }) => {
  return `UPDATE runs SET version = runs.version + 1, event_count = runs.event_count + ${u.events}, updated_at = ${u.now} ${from} WHERE runs.id = ${u.id}`;
});

/** Counts events that tell of no change of the run. */
export const countEvents = forRows("count_events", { id: "text", event_count: "int" }, (u, { from }) => {
  return `UPDATE runs SET event_count = ${u.event_count} ${from} WHERE runs.id = ${u.id}`;
});

/** Gives the stages of runs the priority of their run. */
export const updateStagePriorities = forRows("update_stage_priorities", { id: "text", priority: "int" }, (u, { from }) => {
  return `UPDATE stages SET priority = ${u.priority} ${from} WHERE stages.run_id = ${u.id}`;
});

/** Input and config of runs. */
export const loadRunPayloads = forRows("load_run_payloads", { id: "text" }, (u, { join }) => {
  return `SELECT r.id, r.input, r.config FROM ${join} runs r WHERE r.id = ${u.id}`;
});

/** Runs that nobody moves on, the longest stranded first. */
export const listStrandedRuns = forOne("list_stranded_runs", { before: "int", max: "limit" }, (p, dialect) => {
  return `SELECT id FROM runs WHERE stranded_at IS NOT NULL AND stranded_at <= ${p.before} AND ${dialect.asFilter("status")} = 'RUNNING' ORDER BY stranded_at LIMIT ${p.max}`;
});

/** When the next run may be claimed: one due before `now` answers itself, else the earliest. */
export const nextQueuedAt = forOne("next_queued_at", { now: "int" }, (p) => {
  return `SELECT coalesce((SELECT queued_at FROM runs WHERE queued_at IS NOT NULL AND queued_at <= ${p.now} LIMIT 1),
    (SELECT min(queued_at) FROM runs WHERE queued_at IS NOT NULL))`;
});

/** Workflow ids of runs that wait to be claimed. */
export const listQueuedRunWorkflows = forOne("list_queued_run_workflows", {}, (_, dialect) => {
  return `SELECT DISTINCT workflow_id FROM runs ${dialect.useIndex("runs_queue")} WHERE queued_at IS NOT NULL`;
});

/** One row while any run has not ended. */
export const findUnfinished = forOne("find_unfinished", {}, () => {
  return `SELECT 1 WHERE EXISTS (SELECT 1 FROM runs WHERE queued_at IS NOT NULL) OR EXISTS (SELECT 1 FROM runs WHERE status = 'RUNNING')`;
});

/** True when the run's group has ended and nobody opened the next. */
function isStranded(run: RunState): boolean {
  return run.status === "RUNNING" && (run.transitionAt !== null || (run.open === 0 && run.group > 0));
}

/** Since when nobody moves the run on; null while somebody does. */
export function strandedAt(run: RunState, now: number): number | null {
  return isStranded(run) ? (run.transitionAt ?? now) : null;
}
