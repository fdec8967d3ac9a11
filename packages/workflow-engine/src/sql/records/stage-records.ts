// Stages as the CRUD port reads and writes them, kept true to what the rules read: one row has both views, and the run's counters
// follow. The run is locked before its stages, as everybody does.
import { StaleVersionError, WorkflowEngineError } from "../../errors.ts";
import type { CreateStageInput, StageFields, StageQuery, StageRecord, UpdateStageInput, UpsertStageInput } from "../../ports/stage.ts";
import type { StageState } from "../../ports/store.ts";
import { DEFAULT_MAX_ATTEMPTS } from "../../store/job-backoff.ts";
import { parseStageRecordId } from "../../store/record-ids.ts";
import { stateAfter } from "../../store/stage-fields.ts";
import {
  deleteStage as deleteRow,
  getStage as findOne,
  getStageByRecord,
  listDuePolls,
  listStagesOfRun,
  readStageRow,
  recordIdOf,
  type StageRow,
  saveStage,
  saveStageRow,
  toStageRecord,
} from "../tables/stage-records.ts";
import { keep, toText } from "./json-text.ts";
import { lockRun, recount } from "./run-records.ts";
import type { Step } from "./steps.ts";

/** Inserts a stage; (run, stage) is unique. */
export async function createStage(step: Step, input: CreateStageInput): Promise<StageRecord> {
  const { workflowRunId: runId, stageId } = input;
  const lock = await lockRun(step, runId);
  const taken = (await findStage(step, runId, stageId)) ?? (input.id !== undefined && (await findById(step, input.id)));
  if (taken) throw new WorkflowEngineError("STORE_REFUSED", `Stage ${stageId} of run ${runId} exists already`);
  const row = await writeFields(step, newRow(input, step), input, true);
  if (lock) await recount(step, lock.run);
  return toStageRecord(row);
}

/** Updates the stage of a run, or creates it. */
export async function upsertStage(step: Step, { workflowRunId, stageId, create, update }: UpsertStageInput): Promise<StageRecord> {
  const row = await changeStage(step, workflowRunId, stageId, update);
  return row ? toStageRecord(row) : createStage(step, { ...create, workflowRunId, stageId });
}

/** Changes the stage of this record id. */
export async function updateStage(step: Step, id: string, input: UpdateStageInput): Promise<void> {
  const found = await findById(step, id);
  const row = found && (await changeStage(step, found.state.runId, found.state.stageId, input, found.state.item));
  if (!row) throw new WorkflowEngineError("STAGE_NOT_FOUND", `WorkflowStage ${id} not found`);
}

/** Changes the stage of a run. */
export async function updateStageOfRun(step: Step, runId: string, stageId: string, input: UpdateStageInput): Promise<void> {
  const row = await changeStage(step, runId, stageId, input);
  if (!row) throw new WorkflowEngineError("STAGE_NOT_FOUND", `WorkflowStage ${stageId} of run ${runId} not found`);
}

/** Deletes the stage of this record id; one that is not there is no error. */
export async function deleteStage(step: Step, id: string): Promise<void> {
  const found = await findById(step, id);
  if (!found) return;
  const { runId, stageId, item } = found.state;
  const lock = await lockRun(step, runId);
  await step.session.write(deleteRow, [[runId, stageId, item]]);
  step.signal.mayHaveLost = true;
  if (lock) await recount(step, lock.run);
}

/** The stage of a run; null when there is none. */
export async function getStage(step: Step, runId: string, stageId: string): Promise<StageRecord | null> {
  return orNull(await findStage(step, runId, stageId));
}

/** The stage of this record id; null when there is none. */
export async function getStageById(step: Step, id: string): Promise<StageRecord | null> {
  return orNull(await findById(step, id));
}

/** Stages of a run, as they run or the other way round. */
export async function getStagesByRun(step: Step, runId: string, query: StageQuery = {}): Promise<StageRecord[]> {
  const found = await stagesWhere(step, runId, (state) => query.status === undefined || state.status === query.status);
  return query.orderBy === "desc" ? found.reverse() : found;
}

/** Suspended stages whose poll is due at or before this instant, the longest due first. */
export async function getSuspendedStages({ session }: Step, before: Date): Promise<StageRecord[]> {
  return (await session.read(listDuePolls, [[before.getTime()]])).map((row) => toStageRecord(readStageRow(row)));
}

/** The first suspended stage of a run that waits for no later time. */
export async function getFirstReadyToResume(step: Step, runId: string): Promise<StageRecord | null> {
  const isReady = (state: StageState): boolean => state.status === "SUSPENDED" && (state.pollAt === null || state.pollAt <= step.now);
  return (await stagesWhere(step, runId, isReady))[0] ?? null;
}

/** The last COMPLETED stage of a run before a group. */
export async function getLastCompleted(step: Step, runId: string, group: number): Promise<StageRecord | null> {
  const found = await stagesWhere(step, runId, (state) => state.status === "COMPLETED" && state.group < group);
  return found.at(-1) ?? null;
}

/** The record id of a run's stage; null when there is none. */
export async function getStageRecordId(step: Step, runId: string, stageId: string): Promise<string | null> {
  const row = await findStage(step, runId, stageId);
  return row && recordIdOf(row);
}

async function stagesWhere({ session }: Step, runId: string, isWanted: (state: StageState) => boolean): Promise<StageRecord[]> {
  const rows = (await session.read(listStagesOfRun, [[runId]])).map(readStageRow);
  return rows.filter((row) => isWanted(row.state)).map(toStageRecord);
}

async function findStage({ session }: Step, runId: string, stageId: string, item = 0): Promise<StageRow | null> {
  const [row] = await session.read(findOne, [[runId, stageId, item]]);
  return row ? readStageRow(row) : null;
}

async function findById(step: Step, id: string): Promise<StageRow | null> {
  const [own] = await step.session.read(getStageByRecord, [[id]]);
  if (own) return readStageRow(own);
  const at = parseStageRecordId(id);
  const row = at && (await findStage(step, at.runId, at.stageId, at.item));
  return row && recordIdOf(row) === id ? row : null;
}

/** Locks the run, reads the stage and changes it; null when there is no such stage. */
async function changeStage(step: Step, runId: string, stageId: string, input: UpdateStageInput, item = 0): Promise<StageRow | null> {
  const lock = await lockRun(step, runId);
  const row = await findStage(step, runId, stageId, item);
  if (!row) return null;
  const { expectedVersion } = input;
  if (expectedVersion !== undefined && expectedVersion !== row.version) {
    throw new StaleVersionError("WorkflowStage", recordIdOf(row), expectedVersion, row.version);
  }
  const changed = await writeFields(step, row, input);
  if (lock) await recount(step, lock.run);
  return changed;
}

async function writeFields(step: Step, row: StageRow, input: StageFields, isNew = false): Promise<StageRow> {
  const text = (value: unknown, old: string | null): string | null => (value === undefined ? old : toText(value));
  const after: StageRow = {
    ...row,
    state: stateAfter(row.state, input, step.newId),
    updatedAt: step.now,
    version: row.version + 1,
    duration: keep(input.duration, row.duration),
    input: text(input.inputData, row.input),
    config: text(input.config, row.config),
    output: text(input.outputData, row.output),
    suspended: text(input.suspendedState, row.suspended),
    resume: text(input.resumeData, row.resume),
    metrics: text(input.metrics, row.metrics),
    embeddings: text(input.embeddingInfo, row.embeddings),
  };
  await step.session.write(saveStage, [saveStageRow(after)]);
  step.signal.sawStage(isNew ? null : row.state, after.state);
  return after;
}

function newRow(input: CreateStageInput, { now, newId }: Step): StageRow {
  const identity = { runId: input.workflowRunId, stageId: input.stageId, item: 0, executionId: newId() };
  const place = { name: input.stageName, number: input.stageNumber, group: input.executionGroup };
  const tries = { status: "PENDING" as const, attempt: 0, maxAttempts: DEFAULT_MAX_ATTEMPTS, lease: null, error: null };
  const waits = { waitReason: null, readyAt: null, pollAt: null, pollIntervalMs: null, maxWaitUntil: null, pollFailures: 0 };
  const state: StageState = { ...identity, ...place, ...tries, ...waits, startedAt: null, completedAt: null };
  const payloads = { input: null, config: null, output: null, suspended: null, resume: null, metrics: null, embeddings: null };
  return { state, recordId: input.id ?? null, createdAt: now, updatedAt: now, version: 0, duration: null, ...payloads, progress: null };
}

function orNull(row: StageRow | null): StageRecord | null {
  return row && toStageRecord(row);
}
