// Runs as the CRUD port reads and writes them, kept true to what the rules read: a PENDING run is queued, an ended one waits for
// nothing, and the counters of the open group follow the stages, whoever wrote those.
import { StaleVersionError, WorkflowEngineError } from "../../errors.ts";
import type { CreateRunInput, RunRecord, UpdateRunInput } from "../../ports/run.ts";
import type { Status } from "../../ports/status.ts";
import { isEnded } from "../../ports/status.ts";
import type { RunState } from "../../ports/store.ts";
import { toPico } from "../../store/pico-dollars.ts";
import { forOne } from "../dialect.ts";
import { deleteRuns } from "../tables/deletion.ts";
import { listRunsByStatus } from "../tables/run-pages.ts";
import {
  getRun as findRun,
  insertRunRecord,
  loadRun,
  pickNextRun,
  type RunRow,
  readRunRow,
  saveRun,
  saveRunRow,
  toRunRecord,
} from "../tables/run-records.ts";
import { strandedAt } from "../tables/run-writes.ts";
import { lockRuns, readRunState, runStateWidth } from "../tables/runs.ts";
import { countStages } from "../tables/stage-records.ts";
import { fromDate, keep, toText } from "./json-text.ts";
import type { Step } from "./steps.ts";

const DEFAULT_PRIORITY = 5;

const getStatus = forOne("get_run_status", { id: "text" }, (p) => `SELECT status FROM runs WHERE id = ${p.id}`);
const saveCounters = forOne(
  "save_run_counters",
  { id: "text", grp: "int", open: "int", suspended: "int", transition_at: "int", stranded_at: "int" },
  (p) => `UPDATE runs SET grp = ${p.grp}, open = ${p.open}, suspended = ${p.suspended}, transition_at = ${p.transition_at},
    stranded_at = ${p.stranded_at}, version = version + CASE WHEN status = 'RUNNING' THEN 1 ELSE 0 END WHERE id = ${p.id}`,
);

/** The run; null when there is none. */
export async function getRun({ session }: Step, id: string): Promise<RunRecord | null> {
  const [row] = await session.read(findRun, [[id]]);
  return row ? toRunRecord(readRunRow(row)) : null;
}

/** The run's status; null when there is no such run. */
export async function getRunStatus({ session }: Step, id: string): Promise<Status | null> {
  const [row] = await session.read(getStatus, [[id]]);
  return row ? (row[0] as Status) : null;
}

/** Runs of a status, oldest first. */
export async function getRunsByStatus({ session }: Step, status: Status): Promise<RunRecord[]> {
  return (await session.read(listRunsByStatus(status), [[status]])).map((row) => toRunRecord(readRunRow(row)));
}

/** Locks a run and reads what rules see of it, and how many events it has; null when there is none. */
export async function lockRun({ session }: Step, id: string): Promise<{ run: RunState; eventCount: number } | null> {
  const [row] = await session.read(lockRuns, [[id]]);
  return row ? { run: readRunState(row), eventCount: row[runStateWidth] as number } : null;
}

/** Inserts a run; one that exists is refused. */
export async function createRun(step: Step, input: CreateRunInput): Promise<RunRecord> {
  const { session, now } = step;
  const { id = step.newId(), workflowId, workflowName, workflowType, status = "PENDING", priority = DEFAULT_PRIORITY } = input;
  if (await getRunStatus(step, id)) throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${id} exists already. Use another id.`);
  const names = [id, workflowId, workflowName, workflowType, status, priority];
  const payloads = [toText(input.input) ?? "null", toText(input.config) ?? "{}", toText(input.metadata)];
  await session.write(insertRunRecord, [[...names, now, status === "PENDING" ? now : null, ...payloads]]);
  const row = readRunRow((await session.read(findRun, [[id]]))[0]!);
  step.signal.sawRun(null, row.state);
  return toRunRecord(row);
}

/** Changes a run; a field that is undefined stays. */
export async function updateRun(step: Step, id: string, input: UpdateRunInput): Promise<void> {
  const [found] = await step.session.read(loadRun, [[id]]);
  if (!found) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${id} not found`);
  await updateRow(step, readRunRow(found), input);
}

/** PENDING to RUNNING; false when somebody else did. */
export async function claimRun(step: Step, id: string): Promise<boolean> {
  const [found] = await step.session.read(loadRun, [[id]]);
  return found !== undefined && (await claimRow(step, readRunRow(found))) !== null;
}

/** Claims the most urgent due run; null when there is none. */
export async function claimNextRun(step: Step): Promise<RunRecord | null> {
  const [found] = await step.session.read(pickNextRun, [[step.now]]);
  const claimed = found && (await claimRow(step, readRunRow(found)));
  return claimed ? toRunRecord(claimed) : null;
}

/** Deletes a run with every row that belongs to it, also when the run itself is gone already. */
export async function deleteRun(step: Step, id: string): Promise<void> {
  await lockRun(step, id);
  await deleteRuns(step.session, [id]);
  step.signal.mayHaveLost = true;
}

/** Brings the counters of a locked run's open group in line with its stages; of one that is RUNNING somebody may remember those, whom a new version tells (P13). */
export async function recount(step: Step, run: RunState): Promise<void> {
  const { id, group, open, suspended, transitionAt, ...rest } = await counted(step, run);
  const stranded = strandedAt({ ...rest, id, group, open, suspended, transitionAt }, step.now);
  await step.session.write(saveCounters, [[id, group, open, suspended, transitionAt, stranded]]);
}

async function claimRow(step: Step, row: RunRow): Promise<RunRow | null> {
  const { state } = row;
  if (state.status !== "PENDING") return null;
  return updateRow(step, row, { status: "RUNNING", startedAt: new Date(state.startedAt ?? step.now) });
}

async function updateRow(step: Step, row: RunRow, input: UpdateRunInput): Promise<RunRow> {
  const { state } = row;
  const { expectedVersion } = input;
  if (expectedVersion !== undefined && expectedVersion !== state.version) {
    throw new StaleVersionError("WorkflowRun", state.id, expectedVersion, state.version);
  }
  const changed = stateOf(state, input, step.now);
  const after: RunRow = {
    ...row,
    state: changed.status === state.status ? changed : await counted(step, changed),
    updatedAt: step.now,
    duration: keep(input.duration, row.duration),
    output: input.output === undefined ? row.output : toText(input.output),
    metadata: input.metadata === undefined ? row.metadata : toText(input.metadata),
    costPico: input.totalCost === undefined ? row.costPico : toPico(input.totalCost),
    totalTokens: input.totalTokens ?? row.totalTokens,
  };
  await step.session.write(saveRun, [saveRunRow(after, step.now)]);
  step.signal.sawRun(state, after.state);
  return after;
}

async function counted({ session, now }: Step, run: RunState): Promise<RunState> {
  const counts = (await session.read(countStages, [[run.id]])) as Array<readonly [number, Status, number]>;
  const group = counts.reduce((last, [grp]) => Math.max(last, grp), 0);
  const current = counts.filter(([grp, status]) => grp === group && !isEnded(status));
  const open = current.reduce((sum, [, , count]) => sum + count, 0);
  const suspended = current.find(([, status]) => status === "SUSPENDED")?.[2] ?? 0;
  const isOver = run.status === "RUNNING" && group > 0 && open === 0;
  return { ...run, group, open, suspended, transitionAt: isOver ? (run.transitionAt ?? now) : null };
}

function stateOf(before: RunState, input: UpdateRunInput, now: number): RunState {
  const status = input.status ?? before.status;
  return {
    ...before,
    status,
    startedAt: keep(fromDate(input.startedAt), before.startedAt),
    completedAt: keep(fromDate(input.completedAt), before.completedAt),
    error: keep(input.errorMessage, before.error),
    queuedAt: status === "PENDING" ? (before.queuedAt ?? now) : null,
    version: before.version + 1,
  };
}
