// The CRUD port on a Prisma client. Names come from the client, time from the environment; what the schema has no column for lives in
// its Json columns. `storeOver` derives the one door from it; with a job queue of the same client both write in one transaction.
import type { BudgetRows } from "../ports/budget.ts";
import type { DeliveryRows } from "../ports/delivery.ts";
import type { ArtifactRecord, CreateLogInput, LogRecord, SaveArtifactInput } from "../ports/log.ts";
import type { CreateOutboxEventInput, OutboxRecord } from "../ports/outbox.ts";
import type { KeyHold, KeyState, Persistence } from "../ports/persistence.ts";
import type { CreateRunInput, RunRecord, UpdateRunInput } from "../ports/run.ts";
import type { CreateStageInput, StageQuery, StageRecord, UpdateStageInput, UpsertStageInput } from "../ports/stage.ts";
import type { Status } from "../ports/status.ts";
import type { AttemptRow, SweepLimits, SweepResult } from "../ports/store.ts";
import { PrismaAICallLogger } from "./ai-call-logger.ts";
import { createLog, deleteArtifact, findArtifact, hasArtifact, listArtifacts, saveArtifact } from "./artifact-rows.ts";
import { appendAttempts } from "./attempt-rows.ts";
import { ensureBudget, raiseBudget } from "./budget-rows.ts";
import type { PrismaClientLike } from "./client.ts";
import { deliveryRows } from "./delivery-rows.ts";
import { acquireKey, completeKey, releaseKey } from "./key-rows.ts";
import { appendEvents, countTry, listUnpublished, markPublished, moveToDeadLetters, replayDead } from "./outbox-rows.ts";
import { claimNextRun, claimRun, createRun, deleteRun, getRun, getRunStatus, listRunsByStatus, updateRun } from "./run-rows.ts";
import { type PrismaAdapterOptions, PrismaSession } from "./session.ts";
import { createStage, deleteStage, findStage, listDuePolls, listStages, updateStage, updateStageOfRun, upsertStage } from "./stage-rows.ts";
import { sweepRows } from "./sweep-rows.ts";

const defaultEventLimit = 100;

/** Runs, stages, logs, artifacts, events and keys in the tables of a Prisma client. */
export class PrismaWorkflowPersistence implements Persistence {
  /** The client, and the transaction on it. */
  readonly session: PrismaSession;

  /** Takes a generated client; opens nothing until its first use. */
  constructor(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}, session?: PrismaSession) {
    this.session = session ?? new PrismaSession(prisma, options);
  }

  /** Who of several consumers still has to get an event; undefined where the schema has no table for it. */
  get deliveries(): DeliveryRows | undefined {
    return deliveryRows(this.session);
  }

  /** What runs and stages may spend; kept by the call logger of the same client. */
  get budgets(): BudgetRows {
    const { session } = this;
    return {
      create: (workflowRunId, budget) => session.atomically((inner) => ensureBudget(inner, workflowRunId, null, budget)),
      raise: (workflowRunId, raise) => raiseBudget(session, workflowRunId, raise),
      isKeptBy: (logger) => logger instanceof PrismaAICallLogger && logger.session.root === session.root,
    };
  }

  withTransaction<T>(fn: (tx: Persistence) => Promise<T>): Promise<T> {
    return this.session.transaction((inner) => fn(new PrismaWorkflowPersistence(inner.root, {}, inner)));
  }

  createRun(input: CreateRunInput): Promise<RunRecord> {
    return createRun(this.session, input);
  }

  updateRun(id: string, input: UpdateRunInput): Promise<void> {
    return updateRun(this.session, id, input);
  }

  getRun(id: string): Promise<RunRecord | null> {
    return getRun(this.session, id);
  }

  getRunStatus(id: string): Promise<Status | null> {
    return getRunStatus(this.session, id);
  }

  getRunsByStatus(status: Status): Promise<RunRecord[]> {
    return listRunsByStatus(this.session, status);
  }

  claimPendingRun(id: string): Promise<boolean> {
    return claimRun(this.session, id);
  }

  claimNextPendingRun(): Promise<RunRecord | null> {
    return claimNextRun(this.session);
  }

  /** Deletes a run with every row that belongs to it. */
  deleteRun(id: string): Promise<void> {
    return deleteRun(this.session, id);
  }

  createStage(input: CreateStageInput): Promise<StageRecord> {
    return createStage(this.session, input);
  }

  upsertStage(input: UpsertStageInput): Promise<StageRecord> {
    return upsertStage(this.session, input);
  }

  updateStage(id: string, input: UpdateStageInput): Promise<void> {
    return updateStage(this.session, id, input);
  }

  updateStageByRunAndStageId(workflowRunId: string, stageId: string, input: UpdateStageInput): Promise<void> {
    return updateStageOfRun(this.session, workflowRunId, stageId, input);
  }

  getStage(workflowRunId: string, stageId: string): Promise<StageRecord | null> {
    return findStage(this.session, { workflowRunId, stageId });
  }

  getStageById(id: string): Promise<StageRecord | null> {
    return findStage(this.session, { id });
  }

  getStagesByRun(workflowRunId: string, query: StageQuery = {}): Promise<StageRecord[]> {
    return listStages(this.session, workflowRunId, query);
  }

  getSuspendedStages(before: Date): Promise<StageRecord[]> {
    return listDuePolls(this.session, before);
  }

  getFirstSuspendedStageReadyToResume(workflowRunId: string): Promise<StageRecord | null> {
    const isDue = [{ nextPollAt: null }, { nextPollAt: { lte: this.session.now() } }];
    return findStage(this.session, { workflowRunId, status: "SUSPENDED", OR: isDue });
  }

  getFirstFailedStage(workflowRunId: string): Promise<StageRecord | null> {
    return findStage(this.session, { workflowRunId, status: "FAILED" });
  }

  getLastCompletedStage(workflowRunId: string): Promise<StageRecord | null> {
    return findStage(this.session, { workflowRunId, status: "COMPLETED" }, true);
  }

  getLastCompletedStageBefore(workflowRunId: string, executionGroup: number): Promise<StageRecord | null> {
    return findStage(this.session, { workflowRunId, status: "COMPLETED", executionGroup: { lt: executionGroup } }, true);
  }

  deleteStage(id: string): Promise<void> {
    return deleteStage(this.session, id);
  }

  createLog(input: CreateLogInput): Promise<LogRecord> {
    return createLog(this.session, input);
  }

  saveArtifact(input: SaveArtifactInput): Promise<void> {
    return saveArtifact(this.session, input);
  }

  async loadArtifact(workflowRunId: string, key: string): Promise<unknown> {
    return (await findArtifact(this.session, workflowRunId, key))?.data ?? null;
  }

  hasArtifact(workflowRunId: string, key: string): Promise<boolean> {
    return hasArtifact(this.session, workflowRunId, key);
  }

  deleteArtifact(workflowRunId: string, key: string): Promise<void> {
    return deleteArtifact(this.session, workflowRunId, key);
  }

  listArtifacts(workflowRunId: string): Promise<ArtifactRecord[]> {
    return listArtifacts(this.session, workflowRunId);
  }

  async getStageIdForArtifact(workflowRunId: string, key: string): Promise<string | null> {
    return (await findArtifact(this.session, workflowRunId, key))?.workflowStageId ?? null;
  }

  async saveStageOutput(workflowRunId: string, workflowType: string, stageId: string, output: unknown): Promise<string> {
    const key = `workflow-v2/${workflowType}/${workflowRunId}/${stageId}/output.json`;
    const stage = await this.getStage(workflowRunId, stageId);
    await this.saveArtifact({ workflowRunId, workflowStageId: stage?.id, key, type: "STAGE_OUTPUT", data: output });
    return key;
  }

  appendOutboxEvents(events: CreateOutboxEventInput[]): Promise<void> {
    return appendEvents(this.session, events);
  }

  getUnpublishedOutboxEvents(limit = defaultEventLimit): Promise<OutboxRecord[]> {
    return listUnpublished(this.session, limit);
  }

  markOutboxEventsPublished(ids: string[]): Promise<void> {
    return markPublished(this.session, ids);
  }

  incrementOutboxRetryCount(id: string): Promise<number> {
    return countTry(this.session, id);
  }

  moveOutboxEventToDLQ(id: string): Promise<void> {
    return moveToDeadLetters(this.session, id);
  }

  replayDLQEvents(maxEvents: number): Promise<number> {
    return replayDead(this.session, maxEvents);
  }

  acquireIdempotencyKey(key: string, commandType: string, hold: KeyHold = {}): Promise<KeyState> {
    return acquireKey(this.session, key, commandType, hold);
  }

  completeIdempotencyKey(key: string, commandType: string, result: unknown): Promise<void> {
    return completeKey(this.session, key, commandType, result);
  }

  releaseIdempotencyKey(key: string, commandType: string): Promise<void> {
    return releaseKey(this.session, key, commandType);
  }

  appendAttempts(workflowRunId: string, attempts: readonly AttemptRow[]): Promise<void> {
    return appendAttempts(this.session, workflowRunId, attempts);
  }

  sweep(limits: SweepLimits): Promise<Omit<SweepResult, "runs">> {
    return sweepRows(this.session, limits);
  }
}
