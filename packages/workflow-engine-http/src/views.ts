// Records of the reader as the API shows them: the fields that are for callers, in their names. JSON makes texts of the Dates.
import { resolveOutput } from "@bratsos/workflow-engine";
import type {
  ArtifactRecord,
  AttemptRecord,
  BlobStore,
  DeadLetterRecord,
  LogRecord,
  OutboxRecord,
  RunDetail,
  RunRecord,
  StageDetail,
} from "@bratsos/workflow-engine/kernel";

/** A run without its payloads. */
export function viewSummary(run: RunRecord): object {
  const { id, workflowId, workflowName, status, priority, createdAt, updatedAt, startedAt, completedAt } = run;
  const { duration, totalCost, totalTokens, metadata, errorMessage } = run;
  const times = { createdAt, updatedAt, startedAt, completedAt, duration };
  return { id, workflowId, workflowName, status, priority, ...times, totalCost, totalTokens, metadata, error: errorMessage ?? null };
}

/** A run in full. */
export function viewDetail({ run, stages, artifacts }: RunDetail, attempts: readonly AttemptRecord[]): object {
  const { input, output, config } = run;
  return {
    run: { ...viewSummary(run), input, output: output ?? null, config },
    stages: stages.map(viewStage),
    attempts: attempts.map(viewAttempt),
    artifacts: artifacts.map(viewArtifact),
  };
}

/** How a run stands, with its whole output. */
export async function viewOutput({ id, status, output, errorMessage }: RunRecord, blobStore: BlobStore): Promise<object> {
  const whole = status === "COMPLETED" ? await resolveOutput(output, blobStore) : null;
  return { id, status, output: whole ?? null, error: errorMessage ?? null };
}

/** One try of a stage. */
export function viewAttempt({ workflowRunId: _, ...attempt }: AttemptRecord): object {
  return attempt;
}

/** A log line. */
export function viewLog({ workflowRunId: _, ...log }: LogRecord): object {
  return log;
}

/** A published event: its own fields, and what every event carries. */
export function viewEvent({ id, workflowRunId, sequence, eventType, payload, occurredAt }: OutboxRecord): Record<string, unknown> {
  const own = typeof payload === "object" && payload !== null && !Array.isArray(payload) ? payload : { payload };
  return { ...own, type: eventType, eventId: id, sequence, timestamp: occurredAt, workflowRunId };
}

/** An event that somebody did not get. */
export function viewDeadLetter({ consumer, event, tries, deadAt, error }: DeadLetterRecord): object {
  return { consumer, event: viewEvent(event), tries, deadAt, error };
}

/** True for events; a store over somebody's CRUD adapter keeps rows of its own between them. */
export function isEvent({ eventType }: OutboxRecord): boolean {
  return !eventType.startsWith("job:");
}

function viewStage(stage: StageDetail): object {
  const { id, stageId, item, stageName, stageNumber, executionGroup, status, attempt, maxAttempts, waitReason, workerId } = stage;
  const { progress, createdAt, startedAt, completedAt, nextPollAt, duration, outputData, config, metrics, errorMessage } = stage;
  return {
    ...{ id, stageId, item, stageName, stageNumber, executionGroup, status, attempt, maxAttempts, waitReason, workerId, progress },
    ...{ createdAt, startedAt, completedAt, nextPollAt, duration, output: outputData ?? null, config, metrics, error: errorMessage },
  };
}

function viewArtifact({ key, type, size, createdAt, updatedAt, metadata }: ArtifactRecord): object {
  return { key, type, size, createdAt, updatedAt, metadata };
}
