// Writes of the CRUD port to runs, kept true to what the rules read: a PENDING run is queued, an ended one waits for nothing.
import { StaleVersionError, WorkflowEngineError } from "../errors.ts";
import type { CreateRunInput, UpdateRunInput } from "../ports/run.ts";
import { isEnded } from "../ports/status.ts";
import type { RunState } from "../ports/store.ts";
import { toText } from "../store/json-text.ts";
import { toPico } from "../store/pico-dollars.ts";
import { requireRunRow } from "./apply-changes.ts";
import type { MemoryTables, RunRow } from "./memory-tables.ts";
import { fromDate } from "./rows.ts";
import { compareText, firstOf } from "./table.ts";

const DEFAULT_PRIORITY = 5;

/** Inserts a run; one that exists is refused. */
export function insertRun(tables: MemoryTables, input: CreateRunInput, id: string, now: number): RunRow {
  if (tables.runs.get(id)) throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${id} exists already. Use another id.`);
  const status = input.status ?? "PENDING";
  const state: RunState = {
    id,
    workflowId: input.workflowId,
    status,
    priority: input.priority ?? DEFAULT_PRIORITY,
    group: 0,
    open: 0,
    suspended: 0,
    version: 1,
    createdAt: now,
    startedAt: null,
    completedAt: null,
    queuedAt: status === "PENDING" ? now : null,
    transitionAt: null,
    error: null,
  };
  const row: RunRow = {
    state,
    workflowName: input.workflowName,
    workflowType: input.workflowType,
    workflowVersion: null,
    parentRunId: null,
    updatedAt: now,
    input: toText(input.input) ?? "null",
    config: toText(input.config) ?? "{}",
    output: null,
    metadata: toText(input.metadata),
    duration: null,
    costPico: 0n,
    totalTokens: 0,
  };
  tables.runs.set(id, row);
  return row;
}

function keep<T>(value: T | undefined, before: T): T {
  return value === undefined ? before : value;
}

/** Changes a run; a field that is undefined stays. */
export function updateRunRow(tables: MemoryTables, id: string, input: UpdateRunInput, now: number): void {
  const row = requireRunRow(tables, id);
  const { expectedVersion } = input;
  const { state } = row;
  if (expectedVersion !== undefined && expectedVersion !== state.version) {
    throw new StaleVersionError("WorkflowRun", id, expectedVersion, state.version);
  }
  const status = input.status ?? state.status;
  tables.runs.set(id, {
    ...row,
    updatedAt: now,
    duration: keep(input.duration, row.duration),
    output: input.output === undefined ? row.output : toText(input.output),
    costPico: input.totalCost === undefined ? row.costPico : toPico(input.totalCost),
    totalTokens: input.totalTokens ?? row.totalTokens,
    metadata: input.metadata === undefined ? row.metadata : toText(input.metadata),
    state: {
      ...state,
      status,
      startedAt: keep(fromDate(input.startedAt), state.startedAt),
      completedAt: keep(fromDate(input.completedAt), state.completedAt),
      error: keep(input.errorMessage, state.error),
      queuedAt: status === "PENDING" ? (state.queuedAt ?? now) : null,
      version: state.version + 1,
    },
  });
  if (status !== state.status) recount(tables, id, now);
}

/** PENDING to RUNNING; false when somebody else did. */
export function claimRunRow(tables: MemoryTables, id: string, now: number): boolean {
  const state = tables.runs.get(id)?.state;
  if (state?.status !== "PENDING") return false;
  updateRunRow(tables, id, { status: "RUNNING", startedAt: new Date(state.startedAt ?? now) }, now);
  return true;
}

/** Claims the most urgent due run. */
export function claimNextRunRow(tables: MemoryTables, now: number): RunRow | null {
  const due = tables.runs.by("status", "PENDING").filter(({ state }) => state.queuedAt !== null && state.queuedAt <= now);
  const [next] = firstOf(due, 1, (a, b) => b.state.priority - a.state.priority || compareAge(a, b));
  if (!next) return null;
  claimRunRow(tables, next.state.id, now);
  return requireRunRow(tables, next.state.id);
}

/** Orders runs by age. */
export function compareAge(a: RunRow, b: RunRow): number {
  return a.state.createdAt - b.state.createdAt || compareText(a.state.id, b.state.id);
}

/** Brings the counters of a run's open group in line with its stages, whoever wrote those. */
export function recount(tables: MemoryTables, runId: string, now: number): void {
  const row = tables.runs.get(runId);
  if (!row) return;
  const stages = tables.stages.by("run", runId).map((stage) => stage.state);
  const group = stages.reduce((last, stage) => Math.max(last, stage.group), 0);
  const open = stages.filter((stage) => stage.group === group && !isEnded(stage.status));
  const suspended = open.filter((stage) => stage.status === "SUSPENDED").length;
  const isOver = row.state.status === "RUNNING" && group > 0 && open.length === 0;
  const transitionAt = isOver ? (row.state.transitionAt ?? now) : null;
  tables.runs.set(runId, { ...row, state: { ...row.state, group, open: open.length, suspended, transitionAt } });
}
