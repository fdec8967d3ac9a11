// Log lines of the CRUD port.
import type { CreateLogInput, LogRecord } from "../../ports/log.ts";
import type { LogLevel } from "../../ports/status.ts";
import type { Row } from "../db.ts";
import { forOne } from "../dialect.ts";
import { fromText, toText } from "./json-text.ts";
import type { Step } from "./steps.ts";

const columns = "id, created_at, run_id, stage_record_id, level, message, metadata";

const insertLog = forOne(
  "insert_log_record",
  { run_id: "text", stage_record_id: "text", level: "text", message: "text", metadata: "text", created_at: "int" },
  (p) => `INSERT INTO logs (run_id, stage_record_id, level, message, metadata, created_at)
    VALUES (${p.run_id}, ${p.stage_record_id}, ${p.level}, ${p.message}, ${p.metadata}, ${p.created_at}) RETURNING ${columns}`,
);

/** Log lines of a run, oldest first, after a place in that order. */
export const listLogsAfter = forOne("list_logs_after", { run_id: "text", at: "int", id: "int", max: "limit" }, (p) => {
  return `SELECT ${columns} FROM logs WHERE run_id = ${p.run_id} AND (created_at, id) > (${p.at}, ${p.id})
    ORDER BY created_at, id LIMIT ${p.max}`;
});

/** Appends a log line. */
export async function createLog({ session, now }: Step, input: CreateLogInput): Promise<LogRecord> {
  const { workflowRunId = null, workflowStageId = null, level, message } = input;
  const [row] = await session.read(insertLog, [[workflowRunId, workflowStageId, level, message, toText(input.metadata), now]]);
  return toLogRecord(row!);
}

/** A row of these statements as its record. */
export function toLogRecord(row: Row): LogRecord {
  return {
    id: String(row[0]),
    createdAt: new Date(row[1] as number),
    workflowStageId: row[3] as string | null,
    workflowRunId: row[2] as string | null,
    level: row[4] as LogLevel,
    message: row[5] as string,
    metadata: fromText<Record<string, unknown>>(row[6] as string | null),
  };
}
