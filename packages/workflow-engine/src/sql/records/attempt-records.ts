// Attempts of stages: those that are over have rows of their own, the last one is told by the stage's row.
import type { AttemptRecord } from "../../ports/reader.ts";
import type { StageState } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { forOne } from "../dialect.ts";
import { toDate } from "./json-text.ts";

/** Attempts of a run that have rows of their own, in the order of their ends; the stage's own execution is told by the stage. */
export const listAttempts = forOne("list_attempts", { run_id: "text" }, (p) => {
  return `SELECT a.run_id, a.stage_id, a.item, a.attempt, a.execution_id, a.worker_id, a.started_at, a.ended_at, a.outcome, a.error
    FROM attempts a WHERE a.run_id = ${p.run_id} ORDER BY a.ended_at, a.stage_id, a.item, a.attempt, a.execution_id`;
});

/** A row of `listAttempts` as its record. */
export function toAttemptRecord(row: Row): AttemptRecord {
  return {
    workflowRunId: row[0] as string,
    stageId: row[1] as string,
    item: row[2] as number,
    attempt: row[3] as number,
    executionId: row[4] as string,
    workerId: row[5] as string | null,
    startedAt: toDate(row[6]),
    endedAt: toDate(row[7]),
    status: row[8] as AttemptRecord["status"],
    error: row[9] as string | null,
  };
}

/** The attempt that a stage's own row tells of: the one under way, or the one that ended it. None while the stage waits. */
export function currentAttempt(state: StageState): AttemptRecord[] {
  const { stageId, item, attempt, executionId, lease, status, startedAt } = state;
  if (startedAt === null || status === "PENDING" || status === "SUSPENDED") return [];
  const isRunning = status === "RUNNING";
  // the stage's own start is that of its first attempt
  const times = { startedAt: toDate(lease?.lockedAt ?? startedAt), endedAt: isRunning ? null : toDate(state.completedAt) };
  const end = { status, error: isRunning ? null : state.error };
  return [{ workflowRunId: state.runId, stageId, item, attempt, executionId, workerId: lease?.workerId ?? null, ...times, ...end }];
}
