// Ids that are made of what they name, so that a row is found by its primary key without an index of its own.
import type { ExecutionRef } from "../ports/store.ts";

/** Id of a stage's record: `{run}/{stage}/{item}`, the last two URI-encoded. The run's id may hold anything. */
export function stageRecordId(runId: string, stageId: string, item = 0): string {
  return `${runId}/${encodeURIComponent(stageId)}/${item}`;
}

/** Takes a stage's record id apart; null when it is none. */
export function parseStageRecordId(id: string): { runId: string; stageId: string; item: number } | null {
  const parts = /^(.*)\/([^/]+)\/(\d+)$/s.exec(id);
  const stageId = parts && decoded(parts[2]!);
  return stageId === null ? null : { runId: parts![1]!, stageId, item: Number(parts![3]) };
}

/** Id of the job that is this execution: `{stage record}/{execution}`; another execution is another job (P9). */
export function jobIdOf(ref: ExecutionRef): string {
  return `${stageRecordId(ref.runId, ref.stageId, ref.item)}/${ref.executionId}`;
}

/** Takes a job's id apart; null when it is none of ours. */
export function parseJobId(jobId: string): ExecutionRef | null {
  const at = jobId.lastIndexOf("/");
  const stage = at < 0 ? null : parseStageRecordId(jobId.slice(0, at));
  return stage && { ...stage, executionId: jobId.slice(at + 1) };
}

/** Event id: `{outbox row}.{index in the row}`; stable across redeliveries (P18). */
export function eventIdOf(row: string, index: number): string {
  return `${row}.${index}`;
}

/** Takes an event's id apart; null when it is none of ours. */
export function parseEventId(id: string): { row: string; index: number } | null {
  const parts = /^(.+)\.(\d+)$/.exec(id);
  return parts ? { row: parts[1]!, index: Number(parts[2]) } : null;
}

/** Null for a text that nobody has encoded: an id of the caller's own may look like one of ours. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
