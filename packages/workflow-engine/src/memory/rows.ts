// Rows as the records that callers see: fresh objects, instants as Dates, payloads parsed (P20: copies out).
import type { JobRecord } from "../ports/job.ts";
import type { ArtifactRecord, LogRecord } from "../ports/log.ts";
import type { OutboxRecord } from "../ports/outbox.ts";
import type { AttemptRecord, StageDetail } from "../ports/reader.ts";
import type { RunRecord } from "../ports/run.ts";
import type { StageRecord } from "../ports/stage.ts";
import { toKernelEvent } from "../store/event-codec.ts";
import { fromText } from "../store/json-text.ts";
import { toDollars } from "../store/pico-dollars.ts";
import { jobIdOf } from "../store/record-ids.ts";
import type { ArtifactEntry, AttemptEntry, LogEntry, RunRow, StageRow } from "./memory-tables.ts";
import type { RowEvent } from "./outbox-rows.ts";

type JsonObject = Record<string, unknown>;

/** A Date, or null for none. */
export function toDate(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}

/** The milliseconds of a Date; null and undefined stay. */
export function fromDate(at: Date | null | undefined): number | null | undefined {
  return at ? at.getTime() : at;
}

function durationOf({ startedAt, completedAt }: { startedAt: number | null; completedAt: number | null }): number | null {
  return startedAt === null || completedAt === null ? null : completedAt - startedAt;
}

/** A run's row as its record. */
export function toRunRecord(row: RunRow): RunRecord {
  const { state } = row;
  return {
    id: state.id,
    createdAt: new Date(state.createdAt),
    updatedAt: new Date(row.updatedAt),
    version: state.version,
    workflowId: state.workflowId,
    workflowName: row.workflowName,
    workflowType: row.workflowType,
    status: state.status,
    startedAt: toDate(state.startedAt),
    completedAt: toDate(state.completedAt),
    duration: row.duration ?? durationOf(state),
    input: fromText(row.input),
    output: fromText(row.output),
    config: fromText<JsonObject>(row.config) ?? {},
    totalCost: toDollars(row.costPico),
    totalTokens: row.totalTokens,
    priority: state.priority,
    metadata: fromText<JsonObject>(row.metadata),
    errorMessage: state.error,
  };
}

/** A stage's row as its record. */
export function toStageRecord(row: StageRow): StageRecord {
  const { state, payloads } = row;
  return {
    id: row.recordId,
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
    startedAt: toDate(state.startedAt),
    completedAt: toDate(state.completedAt),
    duration: row.duration ?? durationOf(state),
    inputData: fromText(row.input),
    outputData: fromText(payloads.output),
    config: fromText<JsonObject>(row.config),
    suspendedState: fromText(payloads.state),
    resumeData: fromText(payloads.resume),
    nextPollAt: toDate(state.status === "PENDING" ? state.readyAt : state.pollAt),
    pollInterval: state.pollIntervalMs,
    maxWaitUntil: toDate(state.maxWaitUntil),
    metrics: fromText<JsonObject>(payloads.metrics),
    embeddingInfo: fromText<JsonObject>(payloads.embeddings),
    errorMessage: state.error,
  };
}

/** A stage's row with what the record has no field for. */
export function toStageDetail(row: StageRow): StageDetail {
  const { item, executionId, maxAttempts, waitReason, lease } = row.state;
  const progress = fromText<{ progress: number; message: string }>(row.payloads.progress);
  return { ...toStageRecord(row), item, executionId, maxAttempts, waitReason, workerId: lease?.workerId ?? null, progress };
}

/** A stage's row as the job that it is. */
export function toJobRecord(run: RunRow, row: StageRow): JobRecord {
  const { state } = row;
  const { runId, stageId, item, executionId } = state;
  return {
    id: jobIdOf({ runId, stageId, item, executionId }),
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
    workflowRunId: runId,
    workflowId: run.state.workflowId,
    stageId,
    status: state.lease ? "RUNNING" : state.status,
    priority: run.state.priority,
    workerId: state.lease?.workerId ?? null,
    lockedAt: toDate(state.lease?.lockedAt ?? null),
    startedAt: toDate(state.startedAt),
    completedAt: toDate(state.completedAt),
    attempt: state.attempt,
    maxAttempts: state.maxAttempts,
    lastError: state.error,
    nextPollAt: toDate(state.status === "PENDING" ? state.readyAt : state.pollAt),
    payload: { config: fromText(run.config), executionId },
  };
}

/** A log entry as its record. */
export function toLogRecord(row: LogEntry): LogRecord {
  const { id, level, message } = row;
  const owner = { workflowStageId: row.stageRecordId, workflowRunId: row.runId };
  return { id, createdAt: new Date(row.createdAt), ...owner, level, message, metadata: fromText<JsonObject>(row.metadata) };
}

/** An artifact as its record. */
export function toArtifactRecord(row: ArtifactEntry): ArtifactRecord {
  return {
    id: row.id,
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
    workflowRunId: row.runId,
    workflowStageId: row.stageRecordId,
    key: row.key,
    type: row.type,
    data: fromText(row.data),
    size: row.size,
    metadata: fromText<JsonObject>(row.metadata),
  };
}

/** One event of an outbox row as its record. */
export function toOutboxRecord({ row, stored, publishedAt, mark }: RowEvent): OutboxRecord {
  return {
    id: stored.id,
    workflowRunId: row.runId,
    sequence: stored.sequence,
    eventType: stored.type,
    payload: row.raw ? structuredClone(row.raw.payload) : toKernelEvent(stored),
    causationId: row.causationId,
    occurredAt: new Date(row.occurredAt),
    publishedAt: toDate(publishedAt),
    retryCount: mark?.tries ?? 0,
    dlqAt: toDate(mark?.deadAt ?? null),
  };
}

/** An attempt that is over as its record. */
export function toAttemptRecord(row: AttemptEntry): AttemptRecord {
  const { stageId, item, attempt, executionId, workerId, error } = row;
  const times = { startedAt: toDate(row.startedAt), endedAt: new Date(row.endedAt) };
  return { workflowRunId: row.runId, stageId, item, attempt, executionId, workerId, ...times, status: row.outcome, error };
}

/** The attempt that a stage's own row tells of: the one under way, or the one that ended it. None while the stage waits. */
export function toCurrentAttempt({ state }: StageRow): AttemptRecord[] {
  const { stageId, item, attempt, executionId, lease, status, startedAt } = state;
  if (startedAt === null || status === "PENDING" || status === "SUSPENDED") return [];
  const isRunning = status === "RUNNING";
  // the stage's own start is that of its first attempt
  const times = { startedAt: toDate(lease?.lockedAt ?? startedAt), endedAt: isRunning ? null : toDate(state.completedAt) };
  const end = { status, error: isRunning ? null : state.error };
  const workerId = lease?.workerId ?? null;
  return [{ workflowRunId: state.runId, stageId, item, attempt, executionId, workerId, ...times, ...end }];
}
