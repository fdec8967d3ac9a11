// Runs as they are read: one row each, narrow state and payloads.
import type { Status } from "../../ports/status.ts";
import type { RunState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { forOne, forRows } from "../dialect.ts";

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

/** Picks due runs, most urgent first, that nobody else is picking; the number of their events, input and config follow the state. */
export const pickRuns = forOne("pick_runs", { now: "int", workflow_ids: "texts", max: "limit" }, (p, dialect) => {
  return `SELECT ${runStateColumns}, r.event_count, r.input, r.config FROM runs r
    WHERE r.queued_at IS NOT NULL AND r.queued_at <= ${p.now} AND ${dialect.isIn("r.workflow_id", p.workflow_ids)} AND r.status = 'PENDING'
    ORDER BY r.priority DESC, r.queued_at, r.id LIMIT ${p.max} ${dialect.lockFreeRows}`;
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
