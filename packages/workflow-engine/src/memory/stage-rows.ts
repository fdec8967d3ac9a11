// Writes of the CRUD port to stages, kept true to what the rules read: one row has both views, and the run's counters follow.
import { StaleVersionError, WorkflowEngineError } from "../errors.ts";
import type { CreateStageInput, StageFields, UpdateStageInput } from "../ports/stage.ts";
import type { JsonText, StageState } from "../ports/store.ts";
import { toText } from "../store/json-text.ts";
import { stageRecordId } from "../store/record-ids.ts";
import { stateAfter } from "../store/stage-fields.ts";
import { noPayloads, putStage } from "./apply-changes.ts";
import type { MemoryTables, StageRow } from "./memory-tables.ts";
import { recount } from "./run-rows.ts";

const DEFAULT_MAX_ATTEMPTS = 3;

/** Inserts a stage; (run, stage) is unique. */
export function insertStage(tables: MemoryTables, input: CreateStageInput, newId: () => string, now: number): StageRow {
  const id = stageRecordId(input.workflowRunId, input.stageId);
  if (tables.stages.get(id) || (input.id !== undefined && findStage(tables, input.id))) {
    throw new WorkflowEngineError("STORE_REFUSED", `Stage ${input.stageId} of run ${input.workflowRunId} exists already`);
  }
  const state: StageState = {
    runId: input.workflowRunId,
    stageId: input.stageId,
    item: 0,
    name: input.stageName,
    number: input.stageNumber,
    group: input.executionGroup,
    status: "PENDING",
    attempt: 0,
    maxAttempts: DEFAULT_MAX_ATTEMPTS,
    executionId: newId(),
    lease: null,
    waitReason: null,
    readyAt: null,
    pollAt: null,
    pollIntervalMs: null,
    maxWaitUntil: null,
    pollFailures: 0,
    startedAt: null,
    completedAt: null,
    error: null,
  };
  const empty: StageRow = {
    id,
    recordId: input.id ?? id,
    state,
    createdAt: now,
    updatedAt: now,
    version: 0,
    payloads: noPayloads,
    input: null,
    config: null,
    duration: null,
  };
  return writeFields(tables, empty, input, newId, now);
}

/** Changes a stage found by its record id; a field that is undefined stays. */
export function updateStageRow(tables: MemoryTables, row: StageRow, input: UpdateStageInput, newId: () => string, now: number): StageRow {
  const { expectedVersion } = input;
  if (expectedVersion !== undefined && expectedVersion !== row.version) {
    throw new StaleVersionError("WorkflowStage", row.recordId, expectedVersion, row.version);
  }
  return writeFields(tables, row, input, newId, now);
}

/** The stage of this record id. */
export function findStage(tables: MemoryTables, recordId: string): StageRow | undefined {
  return tables.stages.by("record", recordId)[0];
}

/** The stage of this record id; throws STAGE_NOT_FOUND. */
export function requireStage(tables: MemoryTables, recordId: string): StageRow {
  const row = findStage(tables, recordId);
  if (!row) throw new WorkflowEngineError("STAGE_NOT_FOUND", `WorkflowStage ${recordId} not found`);
  return row;
}

/** Deletes a stage found by its record id; one that is not there is no error. */
export function deleteStageRow(tables: MemoryTables, recordId: string, now: number): void {
  const row = findStage(tables, recordId);
  if (!row) return;
  tables.stages.delete(row.id);
  recount(tables, row.state.runId, now);
}

function writeFields(tables: MemoryTables, row: StageRow, input: StageFields, newId: () => string, now: number): StageRow {
  const text = (value: unknown, old: JsonText | null): JsonText | null => (value === undefined ? old : toText(value));
  putStage(tables, row, stateAfter(row.state, input, newId), now, {
    duration: input.duration === undefined ? row.duration : input.duration,
    input: text(input.inputData, row.input),
    config: text(input.config, row.config),
    payloads: {
      output: text(input.outputData, row.payloads.output),
      state: text(input.suspendedState, row.payloads.state),
      resume: text(input.resumeData, row.payloads.resume),
      metrics: text(input.metrics, row.payloads.metrics),
      embeddings: text(input.embeddingInfo, row.payloads.embeddings),
      progress: row.payloads.progress,
    },
  });
  recount(tables, row.state.runId, now);
  return tables.stages.get(row.id)!;
}
