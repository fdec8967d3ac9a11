// A stage of a run as callers and adapters see it: the record of the CRUD port.
import type { Status } from "./status.ts";

/** One stage of one run. `id` is opaque; (workflowRunId, stageId) is unique. */
export interface StageRecord {
  id: string;
  createdAt: Date;
  updatedAt: Date;
  version: number;
  workflowRunId: string;
  stageId: string;
  stageName: string;
  /** 1-based position of the stage in the workflow. */
  stageNumber: number;
  /** 1-based execution group: stages of one group run in parallel. */
  executionGroup: number;
  status: Status;
  /** Tries so far; 0 before the first. */
  attempt: number;
  startedAt: Date | null;
  completedAt: Date | null;
  duration: number | null;
  inputData: unknown;
  outputData: unknown;
  config: Record<string, unknown> | null;
  suspendedState: unknown;
  resumeData: unknown;
  nextPollAt: Date | null;
  /** Milliseconds between polls. */
  pollInterval: number | null;
  maxWaitUntil: Date | null;
  metrics: Record<string, unknown> | null;
  embeddingInfo: Record<string, unknown> | null;
  errorMessage: string | null;
}

/** The fields a caller may set on a stage; undefined leaves as is, null clears. */
export interface StageFields {
  stageName?: string | undefined;
  stageNumber?: number | undefined;
  executionGroup?: number | undefined;
  status?: Status | undefined;
  attempt?: number | undefined;
  startedAt?: Date | null | undefined;
  completedAt?: Date | null | undefined;
  duration?: number | null | undefined;
  inputData?: unknown;
  outputData?: unknown;
  config?: Record<string, unknown> | null | undefined;
  suspendedState?: unknown;
  resumeData?: unknown;
  nextPollAt?: Date | null | undefined;
  pollInterval?: number | null | undefined;
  maxWaitUntil?: Date | null | undefined;
  metrics?: Record<string, unknown> | null | undefined;
  embeddingInfo?: Record<string, unknown> | null | undefined;
  errorMessage?: string | null | undefined;
}

/** What `createStage` takes. */
export interface CreateStageInput extends StageFields {
  id?: string | undefined;
  workflowRunId: string;
  stageId: string;
  stageName: string;
  stageNumber: number;
  executionGroup: number;
}

/** What `updateStage` takes. */
export interface UpdateStageInput extends StageFields {
  /** Refuses the write with StaleVersionError unless the row still has this version. */
  expectedVersion?: number | undefined;
}

/** What `upsertStage` takes: the row is found by run and stage id. */
export interface UpsertStageInput {
  workflowRunId: string;
  stageId: string;
  create: CreateStageInput;
  update: UpdateStageInput;
}

/** Narrows and orders `getStagesByRun`; by default ordered by execution group, then stage number. */
export interface StageQuery {
  status?: Status | undefined;
  orderBy?: "asc" | "desc" | undefined;
}
