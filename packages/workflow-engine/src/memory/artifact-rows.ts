// Writes of the CRUD port to logs and artifacts; (run, key) of an artifact is unique.
import type { CreateLogInput, SaveArtifactInput } from "../ports/log.ts";
import { byteLength, toText } from "../store/json-text.ts";
import { artifactKey } from "./delete-run.ts";
import type { ArtifactEntry, LogEntry, MemoryTables } from "./memory-tables.ts";
import { compareText } from "./table.ts";

/** Appends a log line. */
export function insertLog(tables: MemoryTables, input: CreateLogInput, id: string, now: number): LogEntry {
  const { level, message } = input;
  const owner = { runId: input.workflowRunId ?? null, stageRecordId: input.workflowStageId ?? null };
  const row: LogEntry = { id, createdAt: now, ...owner, level, message, metadata: toText(input.metadata) };
  tables.logs.set(id, row);
  return row;
}

/** Saves an artifact, in place of one of the same key. */
export function putArtifact(tables: MemoryTables, input: SaveArtifactInput, id: string, now: number): void {
  const at = artifactKey(input.workflowRunId, input.key);
  const old = tables.artifacts.get(at);
  const data = toText(input.data) ?? "null";
  tables.artifacts.set(at, {
    id: old?.id ?? id,
    createdAt: old?.createdAt ?? now,
    updatedAt: now,
    runId: input.workflowRunId,
    stageRecordId: input.workflowStageId ?? null,
    key: input.key,
    type: input.type,
    data,
    size: input.size ?? byteLength(data),
    metadata: toText(input.metadata),
  });
}

/** Artifacts by age. */
export function artifactsInOrder(rows: ArtifactEntry[]): ArtifactEntry[] {
  return rows.sort((a, b) => a.createdAt - b.createdAt || compareText(a.id, b.id));
}
