// Runs as the CRUD port reads and writes them: whole rows.
import type { RunRecord } from "../../ports/run.ts";
import type { RunState } from "../../ports/store.ts";
import { toDollars } from "../../store/pico-dollars.ts";
import type { Row } from "../db.ts";
import { forOne } from "../dialect.ts";
import { fromText, toDate } from "../records/json-text.ts";
import { strandedAt } from "./run-writes.ts";
import { readRunState, runStateColumns, runStateWidth } from "./runs.ts";

/** A run's row as the CRUD port works with it. */
export interface RunRow {
  readonly state: RunState;
  readonly workflowName: string;
  readonly workflowType: string;
  readonly updatedAt: number;
  /** As set through the CRUD port; null derives it from the start and the end. */
  readonly duration: number | null;
  readonly input: string;
  readonly output: string | null;
  readonly config: string;
  readonly metadata: string | null;
  /** Pico-dollars: 10^12 to the dollar. */
  readonly costPico: bigint;
  readonly totalTokens: number;
}

/** Columns of a run, as `readRunRow` expects them. A cost may be greater than what a number holds exactly, so it travels as text. */
export const runRowColumns = `${runStateColumns}, r.workflow_name, r.workflow_type, r.updated_at, r.duration, r.input, r.output, r.config, r.metadata,
  CAST(r.total_cost_pico AS TEXT), r.total_tokens`;

/** A row that begins with `runRowColumns`. */
export function readRunRow(row: Row): RunRow {
  const [name, type, updatedAt, duration, input, output, config, metadata, cost, tokens] = row.slice(runStateWidth);
  return {
    state: readRunState(row),
    workflowName: name as string,
    workflowType: type as string,
    updatedAt: updatedAt as number,
    duration: duration as number | null,
    input: input as string,
    output: output as string | null,
    config: config as string,
    metadata: metadata as string | null,
    costPico: BigInt(cost as string),
    totalTokens: tokens as number,
  };
}

/** A run's row as its record. */
export function toRunRecord({ state, ...row }: RunRow): RunRecord {
  const { startedAt, completedAt } = state;
  const derived = startedAt === null || completedAt === null ? null : completedAt - startedAt;
  return {
    id: state.id,
    createdAt: new Date(state.createdAt),
    updatedAt: new Date(row.updatedAt),
    version: state.version,
    workflowId: state.workflowId,
    workflowName: row.workflowName,
    workflowType: row.workflowType,
    status: state.status,
    startedAt: toDate(startedAt),
    completedAt: toDate(completedAt),
    duration: row.duration ?? derived,
    input: fromText(row.input),
    output: fromText(row.output),
    config: fromText<Record<string, unknown>>(row.config) ?? {},
    totalCost: toDollars(row.costPico),
    totalTokens: row.totalTokens,
    priority: state.priority,
    metadata: fromText<Record<string, unknown>>(row.metadata),
    errorMessage: state.error,
  };
}

/** One run. */
export const loadRun = forOne(
  "load_run",
  { id: "text" },
  (p, { lockRows }) => `SELECT ${runRowColumns} FROM runs r WHERE r.id = ${p.id} ${lockRows}`,
);

/** One run, without waiting for whoever changes it. */
export const getRun = forOne("get_run", { id: "text" }, (p) => `SELECT ${runRowColumns} FROM runs r WHERE r.id = ${p.id}`);

/** The most urgent due PENDING run. */
export const pickNextRun = forOne("pick_next_run", { now: "int" }, (p, { lockFreeRows }) => {
  return `SELECT ${runRowColumns} FROM runs r WHERE r.queued_at IS NOT NULL AND r.queued_at <= ${p.now} AND r.status = 'PENDING'
    ORDER BY r.priority DESC, r.queued_at, r.id LIMIT 1 ${lockFreeRows}`;
});

/** Inserts a run. */
export const insertRunRecord = forOne(
  "insert_run_record",
  {
    id: "text",
    workflow_id: "text",
    workflow_name: "text",
    workflow_type: "text",
    status: "text",
    priority: "int",
    created_at: "int",
    queued_at: "int",
    input: "text",
    config: "text",
    metadata: "text",
  },
  (
    p,
  ) => `INSERT INTO runs (id, workflow_id, workflow_name, workflow_type, status, priority, created_at, updated_at, queued_at, input, config, metadata)
    VALUES (${p.id}, ${p.workflow_id}, ${p.workflow_name}, ${p.workflow_type}, ${p.status}, ${p.priority}, ${p.created_at}, ${p.created_at},
      ${p.queued_at}, ${p.input}, ${p.config}, ${p.metadata})`,
);

/** Writes everything that the CRUD port changes of a run. */
export const saveRun = forOne(
  "save_run",
  {
    id: "text",
    status: "text",
    grp: "int",
    open: "int",
    suspended: "int",
    version: "int",
    updated_at: "int",
    started_at: "int",
    completed_at: "int",
    queued_at: "int",
    transition_at: "int",
    stranded_at: "int",
    error: "text",
    duration: "int",
    output: "text",
    metadata: "text",
    cost_pico: "text",
    total_tokens: "int",
  },
  (
    p,
    dialect,
  ) => `UPDATE runs SET status = ${p.status}, grp = ${p.grp}, open = ${p.open}, suspended = ${p.suspended}, version = ${p.version},
    updated_at = ${p.updated_at}, started_at = ${p.started_at}, completed_at = ${p.completed_at}, queued_at = ${p.queued_at},
    transition_at = ${p.transition_at}, stranded_at = ${p.stranded_at}, error = ${p.error}, duration = ${p.duration}, output = ${p.output},
    metadata = ${p.metadata}, total_cost_pico = CAST(${p.cost_pico} AS ${dialect.name === "sqlite" ? "INTEGER" : "BIGINT"}),
    total_tokens = ${p.total_tokens} WHERE id = ${p.id}`,
);

/** Parameters of `saveRun`. */
export function saveRunRow({ state, ...row }: RunRow, now: number): Row {
  return [
    state.id,
    state.status,
    state.group,
    state.open,
    state.suspended,
    state.version,
    row.updatedAt,
    state.startedAt,
    state.completedAt,
    state.queuedAt,
    state.transitionAt,
    strandedAt(state, now),
    state.error,
    row.duration,
    row.output,
    row.metadata,
    row.costPico.toString(),
    row.totalTokens,
  ];
}
