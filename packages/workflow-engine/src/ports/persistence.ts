// The CRUD port: reading, tests, and people's own adapters. `storeOver` derives the one door from any of them.
import type { BudgetRows } from "./budget.ts";
import type { AttemptRow } from "./changes.ts";
import type { DeliveryRows } from "./delivery.ts";
import type { ArtifactRecord, CreateLogInput, LogRecord, SaveArtifactInput } from "./log.ts";
import type { CreateOutboxEventInput, OutboxRecord } from "./outbox.ts";
import type { CreateRunInput, RunRecord, UpdateRunInput } from "./run.ts";
import type { CreateStageInput, StageQuery, StageRecord, UpdateStageInput, UpsertStageInput } from "./stage.ts";
import type { Status } from "./status.ts";
import type { SweepLimits, SweepResult } from "./store.ts";

/** Who holds an idempotency key while its command executes, and for how long. */
export interface KeyHold {
  /** Digest of the payload: the same key with another one is refused. */
  hash?: string | undefined;
  owner?: string | undefined;
  /** Milliseconds until the key frees itself when its owner dies; default 60,000. */
  leaseMs?: number | undefined;
}

/** Answer of `acquireIdempotencyKey`. */
export type KeyState = { status: "acquired" } | { status: "replay"; result: unknown } | { status: "in_progress" } | { status: "conflict" };

/** Rows of runs, stages, logs, artifacts, events and idempotency keys. Reads answer copies; absent is null. */
export interface Persistence {
  /** Runs `fn` atomically: a throw leaves nothing behind (P20). */
  withTransaction<T>(fn: (tx: Persistence) => Promise<T>): Promise<T>;

  createRun(input: CreateRunInput): Promise<RunRecord>;
  updateRun(id: string, input: UpdateRunInput): Promise<void>;
  getRun(id: string): Promise<RunRecord | null>;
  getRunStatus(id: string): Promise<Status | null>;
  getRunsByStatus(status: Status): Promise<RunRecord[]>;
  /** PENDING to RUNNING when nobody else did; answers whether this caller has it. */
  claimPendingRun(id: string): Promise<boolean>;
  /** Claims the most urgent PENDING run (priority, then age); null when there is none. */
  claimNextPendingRun(): Promise<RunRecord | null>;
  /** Deletes a run and every row that belongs to it; `run.delete` is refused without it. */
  deleteRun?(id: string): Promise<void>;

  createStage(input: CreateStageInput): Promise<StageRecord>;
  upsertStage(input: UpsertStageInput): Promise<StageRecord>;
  updateStage(id: string, input: UpdateStageInput): Promise<void>;
  updateStageByRunAndStageId(workflowRunId: string, stageId: string, input: UpdateStageInput): Promise<void>;
  getStage(workflowRunId: string, stageId: string): Promise<StageRecord | null>;
  getStageById(id: string): Promise<StageRecord | null>;
  getStagesByRun(workflowRunId: string, query?: StageQuery): Promise<StageRecord[]>;
  /** Suspended stages whose poll is due at or before this instant. */
  getSuspendedStages(before: Date): Promise<StageRecord[]>;
  getFirstSuspendedStageReadyToResume(workflowRunId: string): Promise<StageRecord | null>;
  getFirstFailedStage(workflowRunId: string): Promise<StageRecord | null>;
  getLastCompletedStage(workflowRunId: string): Promise<StageRecord | null>;
  getLastCompletedStageBefore(workflowRunId: string, executionGroup: number): Promise<StageRecord | null>;
  deleteStage(id: string): Promise<void>;

  createLog(input: CreateLogInput): Promise<LogRecord>;

  saveArtifact(input: SaveArtifactInput): Promise<void>;
  loadArtifact(workflowRunId: string, key: string): Promise<unknown>;
  hasArtifact(workflowRunId: string, key: string): Promise<boolean>;
  deleteArtifact(workflowRunId: string, key: string): Promise<void>;
  listArtifacts(workflowRunId: string): Promise<ArtifactRecord[]>;
  getStageIdForArtifact(workflowRunId: string, key: string): Promise<string | null>;
  /** Saves a stage's output as an artifact and answers its key, `workflow-v2/{type}/{runId}/{stageId}/output.json`. */
  saveStageOutput(workflowRunId: string, workflowType: string, stageId: string, output: unknown): Promise<string>;

  appendOutboxEvents(events: CreateOutboxEventInput[]): Promise<void>;
  /** Oldest first; default limit 100. Dead letters are left out. */
  getUnpublishedOutboxEvents(limit?: number): Promise<OutboxRecord[]>;
  markOutboxEventsPublished(ids: string[]): Promise<void>;
  /** Answers the new count. */
  incrementOutboxRetryCount(id: string): Promise<number>;
  moveOutboxEventToDLQ(id: string): Promise<void>;
  /** Makes up to `maxEvents` dead letters deliverable again, with fresh tries; answers how many. */
  replayDLQEvents(maxEvents: number): Promise<number>;

  acquireIdempotencyKey(key: string, commandType: string, hold?: KeyHold): Promise<KeyState>;
  completeIdempotencyKey(key: string, commandType: string, result: unknown): Promise<void>;
  releaseIdempotencyKey(key: string, commandType: string): Promise<void>;

  /** Ours: keeps attempts that are over; without it they are forgotten. */
  appendAttempts?(workflowRunId: string, attempts: readonly AttemptRow[]): Promise<void>;
  /** Ours: who of several consumers still has to get an event; without it each process remembers that by itself. */
  readonly deliveries?: DeliveryRows | undefined;
  /** Ours: budgets of runs and stages; without it runs with a budget are refused. */
  readonly budgets?: BudgetRows | undefined;
  /** Ours: deletes events, keys and jobs that have served their time (runs go by `deleteRun`); without it they stay. */
  sweep?(limits: SweepLimits): Promise<Omit<SweepResult, "runs">>;
}
