// What a run leaves beside its state: attempts, log lines, artifacts.
import type { ArtifactRow, AttemptRow, LogRow } from "../../ports/store.ts";
import { stageRecordId } from "../../store/record-ids.ts";
import type { Row } from "../db.ts";
import { forOne, forRows } from "../dialect.ts";

/** Keeps an attempt that is over; one told twice is kept once. */
export const insertAttempts = forRows(
  "insert_attempts",
  {
    run_id: "text",
    stage_id: "text",
    item: "int",
    execution_id: "text",
    attempt: "int",
    worker_id: "text",
    started_at: "int",
    ended_at: "int",
    outcome: "text",
    error: "text",
  },
  (_, { insert }) => `${insert("attempts")} ON CONFLICT (run_id, stage_id, item, execution_id) DO NOTHING`,
);

/** Parameters of `insertAttempts`. */
export function insertAttemptRow(runId: string, row: AttemptRow): Row {
  const { stageId, item, executionId, attempt, workerId, startedAt, endedAt, outcome, error } = row;
  return [runId, stageId, item, executionId, attempt, workerId, startedAt, endedAt, outcome, error];
}

/** Executions whose worker was lost before an instant and whose blobs nobody has been told of, with the run's workflow. */
export const listLostAttempts = forOne("list_lost_attempts", { before: "int", max: "limit" }, (p, dialect) => {
  return `SELECT a.run_id, a.stage_id, a.item, a.execution_id, r.workflow_id FROM attempts a ${dialect.thenJoin("runs r", "r.workflow_id", "r.id = a.run_id")}
    WHERE a.outcome = 'LOST' AND a.swept = 0 AND a.ended_at < ${p.before} ORDER BY a.ended_at LIMIT ${p.max}`;
});

/** Remembers that these have been told of. */
export const markSwept = forRows("mark_swept", { run_id: "text", stage_id: "text", item: "int", execution_id: "text" }, (u, { from }) => {
  return `UPDATE attempts SET swept = 1 ${from}
    WHERE attempts.run_id = ${u.run_id} AND attempts.stage_id = ${u.stage_id} AND attempts.item = ${u.item} AND attempts.execution_id = ${u.execution_id}`;
});

/** Appends log lines. */
export const insertLogs = forRows(
  "insert_logs",
  { run_id: "text", stage_record_id: "text", level: "text", message: "text", metadata: "text", created_at: "int" },
  (_, { insert }) => insert("logs"),
);

/** Parameters of `insertLogs`. */
export function insertLogRow(runId: string, { stageId, item, level, message, metadata, at }: LogRow): Row {
  return [runId, stageId === null ? null : stageRecordId(runId, stageId, item), level, message, metadata, at];
}

/** Saves artifacts; one of the same key is replaced. */
export const saveArtifacts = forRows(
  "save_artifacts",
  {
    run_id: "text",
    key: "text",
    id: "text",
    stage_record_id: "text",
    type: "text",
    data: "text",
    size: "int",
    metadata: "text",
    created_at: "int",
    updated_at: "int",
  },
  (_, { insert }) => `${insert("artifacts")} ON CONFLICT (run_id, key) DO UPDATE SET stage_record_id = excluded.stage_record_id,
    type = excluded.type, data = excluded.data, size = excluded.size, metadata = excluded.metadata, updated_at = excluded.updated_at`,
);

/** Parameters of `saveArtifacts` for what a rule saves. */
export function saveArtifactRow(runId: string, { stageId, key, type, data, bytes }: ArtifactRow, id: string, now: number): Row {
  return [runId, key, id, stageId === null ? null : stageRecordId(runId, stageId), type, data, bytes, null, now, now];
}
