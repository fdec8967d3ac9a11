// Runs as they are written. `stranded_at` is set while a RUNNING run's group has ended and nobody opened the next; it is a column of its
// own so that the index on it changes only then (P17). Who changes a run looks in the same statement whether it is as known (P4).
import type { NewRun, RunState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { changeOf, forCheck, forRows, keepClearSet, type Refs } from "../dialect.ts";

/** A run as it is stored, and as it is to be. */
export interface ChangedRun {
  readonly runId: string;
  readonly written: RunState | null;
  readonly run: RunState | null;
  readonly output: string | null | undefined;
  /** Events that are stored. */
  readonly eventCount: number;
  /** Those that are to be. */
  readonly events: readonly unknown[];
}

/**
 * What tells whether a run is as it was read: one that was deleted and made again under its id is another one. When it was made is no place
 * to look for it, or rows would be locked in that order.
 */
const knownColumns = { id: "text", known_version: "int", known_events: "int", created_at: "int" } as const;

function isAsKnown(runs: string, u: Refs<typeof knownColumns>): string {
  return `${runs}.id = ${u.id} AND ${runs}.version = ${u.known_version} AND ${runs}.event_count = ${u.known_events} AND ${runs}.created_at + 0 = ${u.created_at}`;
}

/** Locks runs in the order of their ids if they are as remembered, and fails if any is not. */
export const checkRuns = forCheck("check_runs", knownColumns, (u, { join, dialect }) => {
  return `SELECT r.id FROM ${join} runs r WHERE ${isAsKnown("r", u)} ORDER BY r.id ${dialect.lockRows}`;
});

/** Parameters of `checkRuns`. */
export function checkRunRow({ runId, written, eventCount }: ChangedRun): Row {
  return [runId, written!.version, eventCount, written!.createdAt];
}

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
    updated_at: "instant",
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

/**
 * Writes what changes of runs while they move from stage to stage, and fails if any is not as known: no index has a part in it. Like
 * `updateRuns` it locks them in the order in which they are given.
 */
export const moveRuns = forCheck(
  "move_runs",
  {
    ...knownColumns,
    grp: "int",
    open: "int",
    suspended: "int",
    version: "int",
    event_count: "int",
    updated_at: "instant",
    error: "text",
  },
  (u, { from }) => `UPDATE runs SET grp = ${u.grp}, open = ${u.open}, suspended = ${u.suspended}, version = ${u.version},
    event_count = ${u.event_count}, updated_at = ${u.updated_at}, error = ${u.error} ${from} WHERE ${isAsKnown("runs", u)}`,
);

/** Parameters of `moveRuns`. */
export function moveRunRow({ runId, written, run, eventCount, events }: ChangedRun, now: number): Row {
  const { group, open, suspended, version, createdAt, error } = run!;
  return [runId, written!.version, eventCount, createdAt, group, open, suspended, version, eventCount + events.length, now, error];
}

/** True when `moveRuns` writes everything that makes `after` of `before`. */
export function isMove(before: RunState, after: RunState): boolean {
  const isSame = before.status === after.status && before.priority === after.priority && before.queuedAt === after.queuedAt;
  const isSameTime = before.startedAt === after.startedAt && before.completedAt === after.completedAt;
  return isSame && isSameTime && after.transitionAt === null && before.transitionAt === null && !isStranded(before) && !isStranded(after);
}

/** Writes the narrow state and the output of runs, and fails if any is not as known. */
export const updateRuns = forCheck(
  "update_runs",
  {
    ...knownColumns,
    status: "text",
    priority: "int",
    grp: "int",
    open: "int",
    suspended: "int",
    version: "int",
    event_count: "int",
    updated_at: "instant",
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
    error = ${u.error}, output = ${keepClearSet("runs.output", u.output)} ${from} WHERE ${isAsKnown("runs", u)}`,
);

/** Parameters of `updateRuns`. */
export function updateRunRow({ runId, written, run, output, eventCount, events }: ChangedRun, now: number): Row {
  const after = run!;
  return [
    runId,
    written!.version,
    eventCount,
    after.createdAt,
    after.status,
    after.priority,
    after.group,
    after.open,
    after.suspended,
    after.version,
    eventCount + events.length,
    now,
    after.startedAt,
    after.completedAt,
    after.queuedAt,
    after.transitionAt,
    strandedAt(after, now),
    after.error,
    changeOf(output),
  ];
}

/** Gives runs a new version, because something of theirs has moved, and counts the events that tell of it. */
export const touchRuns = forRows("touch_runs", { id: "text", events: "int", now: "instant" }, (u, { from }) => {
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

/** True when the run's group has ended and nobody opened the next. */
function isStranded(run: RunState): boolean {
  return run.status === "RUNNING" && (run.transitionAt !== null || (run.open === 0 && run.group > 0));
}

/** Since when nobody moves the run on; null while somebody does. */
export function strandedAt(run: RunState, now: number): number | null {
  return isStranded(run) ? (run.transitionAt ?? now) : null;
}
