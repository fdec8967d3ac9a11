// Stages as the CRUD port reads and writes them: whole rows, found by run and stage or by record id.
import type { StageDetail } from "../../ports/reader.ts";
import type { StageRecord } from "../../ports/stage.ts";
import type { StageState } from "../../ports/store.ts";
import { stageRecordId } from "../../store/record-ids.ts";
import type { Row } from "../db.ts";
import { forOne } from "../dialect.ts";
import { fromText, toDate } from "../records/json-text.ts";
import { stateColumns, stateValues } from "./stage-writes.ts";
import { readStageState, stageStateColumns, stageStateWidth } from "./stages.ts";

/** A stage's row as the CRUD port works with it. */
export interface StageRow {
  readonly state: StageState;
  /** As given by whoever created it; null derives it from run, stage and item. */
  readonly recordId: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly version: number;
  /** As set through the CRUD port; null derives it from the start and the end. */
  readonly duration: number | null;
  readonly input: string | null;
  readonly config: string | null;
  readonly output: string | null;
  readonly suspended: string | null;
  readonly resume: string | null;
  readonly metrics: string | null;
  readonly embeddings: string | null;
  readonly progress: string | null;
}

const columns = `${stageStateColumns}, s.record_id, s.created_at, s.updated_at, s.version, s.duration, s.input, s.config, s.output, s.state,
  s.resume, s.metrics, s.embeddings, s.progress`;

/** A row that has the columns these statements read. */
export function readStageRow(row: Row): StageRow {
  const rest = row.slice(stageStateWidth);
  return {
    state: readStageState(row),
    recordId: rest[0] as string | null,
    createdAt: rest[1] as number,
    updatedAt: rest[2] as number,
    version: rest[3] as number,
    duration: rest[4] as number | null,
    input: rest[5] as string | null,
    config: rest[6] as string | null,
    output: rest[7] as string | null,
    suspended: rest[8] as string | null,
    resume: rest[9] as string | null,
    metrics: rest[10] as string | null,
    embeddings: rest[11] as string | null,
    progress: rest[12] as string | null,
  };
}

/** The stage's record id. */
export function recordIdOf({ recordId, state }: StageRow): string {
  return recordId ?? stageRecordId(state.runId, state.stageId, state.item);
}

/** A stage's row as its record. */
export function toStageRecord(row: StageRow): StageRecord {
  const { state } = row;
  const { startedAt, completedAt } = state;
  const derived = startedAt === null || completedAt === null ? null : completedAt - startedAt;
  return {
    id: recordIdOf(row),
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
    version: row.version,
    workflowRunId: state.runId,
    stageId: state.stageId,
    stageName: state.name,
    stageNumber: state.number,
    executionGroup: state.group,
    status: state.status,
    attempt: state.attempt,
    startedAt: toDate(startedAt),
    completedAt: toDate(completedAt),
    duration: row.duration ?? derived,
    inputData: fromText(row.input),
    outputData: fromText(row.output),
    config: fromText<Record<string, unknown>>(row.config),
    suspendedState: fromText(row.suspended),
    resumeData: fromText(row.resume),
    // one public field for two waits
    nextPollAt: toDate(state.status === "PENDING" ? state.readyAt : state.pollAt),
    pollInterval: state.pollIntervalMs,
    maxWaitUntil: toDate(state.maxWaitUntil),
    metrics: fromText<Record<string, unknown>>(row.metrics),
    embeddingInfo: fromText<Record<string, unknown>>(row.embeddings),
    errorMessage: state.error,
  };
}

/** A stage's row with what the record has no field for. */
export function toStageDetail(row: StageRow): StageDetail {
  const { item, executionId, maxAttempts, waitReason, lease } = row.state;
  const progress = fromText<{ progress: number; message: string }>(row.progress);
  return { ...toStageRecord(row), item, executionId, maxAttempts, waitReason, workerId: lease?.workerId ?? null, progress };
}

/** The stage of a run, not mapped over items. */
export const getStage = forOne("get_stage", { run_id: "text", stage_id: "text", item: "int" }, (p) => {
  return `SELECT ${columns} FROM stages s WHERE s.run_id = ${p.run_id} AND s.stage_id = ${p.stage_id} AND s.item = ${p.item}`;
});

/** The stage that was created under this record id. */
export const getStageByRecord = forOne("get_stage_by_record", { record_id: "text" }, (p) => {
  return `SELECT ${columns} FROM stages s WHERE s.record_id = ${p.record_id}`;
});

/** Every stage of a run, as they run. */
export const listStagesOfRun = forOne("list_stages_of_run", { run_id: "text" }, (p) => {
  return `SELECT ${columns} FROM stages s WHERE s.run_id = ${p.run_id} ORDER BY s.grp, s.number, s.item, s.stage_id`;
});

/** Suspended stages whose poll is due, the longest due first. */
export const listDuePolls = forOne("list_due_polls", { before: "int" }, (p) => {
  return `SELECT ${columns} FROM stages s WHERE s.poll_at IS NOT NULL AND s.poll_at <= ${p.before} AND s.status = 'SUSPENDED'
    AND s.wait_reason = 'poll' ORDER BY s.poll_at, s.run_id, s.stage_id, s.item`;
});

/** What the counters of a run are made of: group, status and number of stages, most of them not looked at one by one. */
export const countStages = forOne("count_stages", { run_id: "text" }, (p) => {
  return `SELECT grp, status, count(*) FROM stages WHERE run_id = ${p.run_id} GROUP BY grp, status`;
});

/** Deletes a stage. */
export const deleteStage = forOne("delete_stage", { run_id: "text", stage_id: "text", item: "int" }, (p) => {
  return `DELETE FROM stages WHERE run_id = ${p.run_id} AND stage_id = ${p.stage_id} AND item = ${p.item}`;
});

/** Writes a whole stage, new or not. */
export const saveStage = forOne(
  "save_stage",
  {
    run_id: "text",
    stage_id: "text",
    item: "int",
    name: "text",
    number: "int",
    grp: "int",
    ...stateColumns,
    record_id: "text",
    created_at: "int",
    updated_at: "int",
    version: "int",
    duration: "int",
    input: "text",
    config: "text",
    output: "text",
    state: "text",
    resume: "text",
    metrics: "text",
    embeddings: "text",
    progress: "text",
  },
  (p) => {
    const names = Object.keys(p) as Array<keyof typeof p>;
    const changing = names.filter((name) => !["run_id", "stage_id", "item", "record_id", "created_at"].includes(name));
    return `INSERT INTO stages (${names.join(", ")}, priority)
      VALUES (${names.map((name) => p[name]).join(", ")}, coalesce((SELECT r.priority FROM runs r WHERE r.id = ${p.run_id}), 5))
      ON CONFLICT (run_id, stage_id, item) DO UPDATE SET ${changing.map((name) => `${name} = excluded.${name}`).join(", ")}`;
  },
);

/** Parameters of `saveStage`. */
export function saveStageRow({ state, ...row }: StageRow): Row {
  return [
    ...[state.runId, state.stageId, state.item, state.name, state.number, state.group],
    ...stateValues(state),
    ...[row.recordId, row.createdAt, row.updatedAt, row.version, row.duration, row.input, row.config, row.output, row.suspended],
    ...[row.resume, row.metrics, row.embeddings, row.progress],
  ];
}
