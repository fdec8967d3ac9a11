// Log lines and artifacts of a run, as callers and adapters see them.
import type { ArtifactType, LogLevel } from "./status.ts";

/** One log line of a stage. */
export interface LogRecord {
  id: string;
  createdAt: Date;
  workflowStageId: string | null;
  workflowRunId: string | null;
  level: LogLevel;
  message: string;
  metadata: Record<string, unknown> | null;
}

/** What `createLog` takes. */
export interface CreateLogInput {
  workflowRunId?: string | undefined;
  workflowStageId?: string | undefined;
  level: LogLevel;
  message: string;
  metadata?: Record<string, unknown> | null | undefined;
}

/** One artifact of a run; (workflowRunId, key) is unique. */
export interface ArtifactRecord {
  id: string;
  createdAt: Date;
  updatedAt: Date;
  workflowRunId: string;
  workflowStageId: string | null;
  key: string;
  type: ArtifactType;
  data: unknown;
  /** Bytes of the data as JSON. */
  size: number;
  metadata: Record<string, unknown> | null;
}

/** What `saveArtifact` takes; an artifact of the same key is replaced. */
export interface SaveArtifactInput {
  workflowRunId: string;
  workflowStageId?: string | undefined;
  key: string;
  type: ArtifactType;
  data: unknown;
  size?: number | undefined;
  metadata?: Record<string, unknown> | null | undefined;
}
