// Writes what a rule decided, in the order that `Changes` documents. Runs inside a transaction: a throw undoes all of it (P20).
import { WorkflowEngineError } from "../errors.ts";
import { isEnded } from "../ports/status.ts";
import type { ArtifactRow, AttemptRow, BudgetRaise, Changes, LogRow, NewRun, RunState, StageChange, StageState } from "../ports/store.ts";
import { encodeEvents } from "../store/event-codec.ts";
import { stageRecordId } from "../store/record-ids.ts";
import { artifactKey, budgetKey, deleteRunRows } from "./delete-run.ts";
import { ensureStageBudget } from "./memory-ledger.ts";
import type { MemoryTables, RunRow, StageRow } from "./memory-tables.ts";

/** Payloads of a stage that has none yet. */
export const noPayloads: StageRow["payloads"] = {
  output: null,
  state: null,
  resume: null,
  metrics: null,
  embeddings: null,
  progress: null,
};

/** A copy, so that nobody who holds one reaches into a row. */
export function copyStage(state: Readonly<StageState>): StageState {
  return { ...state, lease: state.lease && { ...state.lease } };
}

/** The run's row; throws RUN_NOT_FOUND. */
export function requireRunRow(tables: MemoryTables, runId: string): RunRow {
  const row = tables.runs.get(runId);
  if (!row) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
  return row;
}

/** Appends the events of one commit of one run as one row. */
export function appendEvents(tables: MemoryTables, runId: string, events: NonNullable<Changes<unknown>["events"]>, now: number): void {
  if (events.length === 0) return;
  const id = tables.nextOutboxId();
  tables.outbox.set(String(id), {
    id,
    runId,
    occurredAt: now,
    causationId: runId,
    events: encodeEvents(events),
    raw: null,
    count: events.length,
    publishedAt: null,
    firstSequence: null,
    marks: new Map(),
  });
}

/** Puts changed state on a stage's row; defined fields only, and a new version. */
export function putStage(tables: MemoryTables, row: StageRow, set: Partial<StageState>, now: number, rest: Partial<StageRow> = {}): void {
  const state = copyStage({ ...row.state, ...definedOf(set) });
  // an end that moves makes a duration set by hand untrue
  const duration = set.completedAt === undefined ? row.duration : null;
  tables.stages.set(row.id, { ...row, duration, ...rest, state, updatedAt: now, version: row.version + 1 });
}

/** Applies everything a rule decided about one run. */
export function applyChanges(tables: MemoryTables, runId: string, changes: Changes<unknown>, now: number, newId: () => string): void {
  if (changes.create) createRunRow(tables, runId, changes.create, now);
  for (const attempt of changes.attempts ?? []) appendAttempt(tables, runId, attempt, newId());
  if (changes.endOpen) endOpenStages(tables, runId, changes.endOpen, now);
  if (changes.dropFrom !== undefined) dropStages(tables, runId, changes.dropFrom);
  for (const change of changes.stages ?? []) changeStage(tables, runId, change, now);
  for (const state of changes.open ?? []) openStage(tables, runId, state, now);
  const touchesRows = changes.endOpen || changes.dropFrom !== undefined || changes.stages?.length || changes.open?.length || changes.run;
  if (touchesRows) changeRun(tables, runId, changes.run ?? {}, now, !changes.create);
  for (const log of changes.logs ?? []) appendLog(tables, runId, log, newId());
  for (const artifact of changes.artifacts ?? []) saveArtifactRow(tables, runId, artifact, now, newId());
  if (changes.events?.length) appendEvents(tables, requireRunRow(tables, runId).state.id, changes.events, now);
  if (changes.raiseBudget) raiseBudget(tables, runId, changes.raiseBudget);
  if (changes.deleteRun) deleteRunRows(tables, runId);
}

/** Raises a limit that there is, or that its stage declares; what has none stays without. */
function raiseBudget(tables: MemoryTables, runId: string, { stageId, usdPico, tokens, declared }: BudgetRaise): void {
  const key = budgetKey(runId, stageId);
  if (declared && stageId !== null) ensureStageBudget(tables, runId, stageId, declared);
  const row = tables.budgets.get(key);
  if (!row) return;
  const { limit } = row;
  const raised = {
    usdPico: limit.usdPico !== null && usdPico !== null && usdPico > limit.usdPico ? usdPico : limit.usdPico,
    tokens: limit.tokens !== null && tokens !== null ? Math.max(limit.tokens, tokens) : limit.tokens,
  };
  tables.budgets.set(key, { ...row, limit: raised });
}

function definedOf<T extends object>(set: T): T {
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)) as T;
}

function createRunRow(tables: MemoryTables, runId: string, run: NewRun, now: number): void {
  if (tables.runs.get(runId)) throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${runId} exists already. Use another id.`);
  const state: RunState = {
    id: runId,
    workflowId: run.workflowId,
    status: "PENDING",
    priority: run.priority,
    group: 0,
    open: 0,
    suspended: 0,
    version: 1,
    createdAt: now,
    startedAt: null,
    completedAt: null,
    queuedAt: run.startAt ?? now,
    transitionAt: null,
    error: null,
  };
  tables.runs.set(runId, {
    state,
    workflowName: run.workflowName,
    workflowType: run.workflowId,
    workflowVersion: run.workflowVersion,
    parentRunId: run.parentRunId,
    updatedAt: now,
    input: run.input,
    config: run.config,
    output: null,
    metadata: run.metadata,
    duration: null,
    costPico: 0n,
    totalTokens: 0,
  });
  if (!run.budget) return;
  const { onExceed, usdPico, tokens } = run.budget;
  tables.budgets.set(budgetKey(runId, null), { runId, stageId: null, limit: { usdPico, tokens }, onExceed, spentPico: 0n, spentTokens: 0 });
}

function appendAttempt(tables: MemoryTables, runId: string, attempt: AttemptRow, id: string): void {
  tables.attempts.set(id, { ...attempt, runId, id, isSwept: false });
}

function endOpenStages(tables: MemoryTables, runId: string, status: "CANCELLED" | "SKIPPED", now: number): void {
  for (const row of tables.stages.by("run", runId)) {
    if (isEnded(row.state.status)) continue;
    putStage(tables, row, { status, completedAt: now, lease: null, waitReason: null, readyAt: null, pollAt: null }, now);
  }
}

function dropStages(tables: MemoryTables, runId: string, group: number): void {
  for (const row of tables.stages.by("run", runId)) if (row.state.group >= group) tables.stages.delete(row.id);
}

function changeStage(tables: MemoryTables, runId: string, change: StageChange, now: number): void {
  const row = tables.stages.get(stageRecordId(runId, change.stageId, change.item));
  if (!row) throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${change.stageId} of run ${runId} not found`);
  putStage(tables, row, change.set, now, { payloads: { ...row.payloads, ...definedOf(change.payloads ?? {}) } });
}

function openStage(tables: MemoryTables, runId: string, state: StageState, now: number): void {
  requireRunRow(tables, runId);
  const id = stageRecordId(runId, state.stageId, state.item);
  if (tables.stages.get(id)) throw new WorkflowEngineError("STORE_REFUSED", `Stage ${state.stageId} of run ${runId} is open already`);
  const times = { createdAt: now, updatedAt: now, version: 1 };
  tables.stages.set(id, {
    id,
    recordId: id,
    ...times,
    state: copyStage({ ...state, runId }),
    payloads: noPayloads,
    input: null,
    config: null,
    duration: null,
  });
}

function changeRun(
  tables: MemoryTables,
  runId: string,
  change: NonNullable<Changes<unknown>["run"]>,
  now: number,
  isNewVersion: boolean,
): void {
  const row = requireRunRow(tables, runId);
  const { output, ...set } = change;
  const state = { ...row.state, ...definedOf(set), version: row.state.version + (isNewVersion ? 1 : 0) };
  // an end that moves makes a duration set by hand untrue
  const duration = set.completedAt === undefined ? row.duration : null;
  tables.runs.set(runId, { ...row, state, duration, output: output === undefined ? row.output : output, updatedAt: now });
}

function appendLog(tables: MemoryTables, runId: string, log: LogRow, id: string): void {
  const stage = log.stageId === null ? null : stageRecordId(runId, log.stageId, log.item);
  const { level, message, metadata } = log;
  tables.logs.set(id, { id, createdAt: log.at, runId, stageRecordId: stage, level, message, metadata });
}

function saveArtifactRow(tables: MemoryTables, runId: string, artifact: ArtifactRow, now: number, id: string): void {
  const stage = artifact.stageId === null ? null : stageRecordId(runId, artifact.stageId);
  const at = artifactKey(runId, artifact.key);
  const old = tables.artifacts.get(at);
  tables.artifacts.set(at, {
    id: old?.id ?? id,
    createdAt: old?.createdAt ?? now,
    updatedAt: now,
    runId,
    stageRecordId: stage,
    key: artifact.key,
    type: artifact.type,
    data: artifact.data,
    size: artifact.bytes,
    metadata: null,
  });
}
