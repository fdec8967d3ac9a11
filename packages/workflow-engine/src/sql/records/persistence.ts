// The CRUD port over SQL, over the very rows that the rules write. withTransaction is one transaction on the connection: a throw leaves
// nothing behind, and everybody else waits (P20). Never await another part of the store inside it: it waits its turn.
import type { ArtifactRecord, CreateLogInput, LogRecord, SaveArtifactInput } from "../../ports/log.ts";
import type { CreateOutboxEventInput, OutboxRecord } from "../../ports/outbox.ts";
import type { KeyHold, KeyState, Persistence } from "../../ports/persistence.ts";
import type { CreateRunInput, RunRecord, UpdateRunInput } from "../../ports/run.ts";
import type { CreateStageInput, StageQuery, StageRecord, UpdateStageInput, UpsertStageInput } from "../../ports/stage.ts";
import type { Status } from "../../ports/status.ts";
import * as artifacts from "./artifact-records.ts";
import * as keys from "./key-records.ts";
import { createLog } from "./log-records.ts";
import * as outbox from "./outbox-records.ts";
import * as runs from "./run-records.ts";
import * as stages from "./stage-records.ts";
import type { Steps } from "./steps.ts";

const DEFAULT_EVENT_LIMIT = 100;

/** Rows of runs, stages, logs, artifacts, events and keys in a SQL database. */
export class SqlPersistence implements Persistence {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  withTransaction<T>(fn: (tx: Persistence) => Promise<T>): Promise<T> {
    return this.#steps.transaction(async (inner) => fn(new SqlPersistence(inner)));
  }

  createRun(input: CreateRunInput): Promise<RunRecord> {
    return this.#steps.write((step) => runs.createRun(step, input));
  }

  updateRun(id: string, input: UpdateRunInput): Promise<void> {
    return this.#steps.write((step) => runs.updateRun(step, id, input));
  }

  getRun(id: string): Promise<RunRecord | null> {
    return this.#steps.read((step) => runs.getRun(step, id));
  }

  getRunStatus(id: string): Promise<Status | null> {
    return this.#steps.read((step) => runs.getRunStatus(step, id));
  }

  getRunsByStatus(status: Status): Promise<RunRecord[]> {
    return this.#steps.read((step) => runs.getRunsByStatus(step, status));
  }

  claimPendingRun(id: string): Promise<boolean> {
    return this.#steps.write((step) => runs.claimRun(step, id));
  }

  claimNextPendingRun(): Promise<RunRecord | null> {
    return this.#steps.write((step) => runs.claimNextRun(step));
  }

  deleteRun(id: string): Promise<void> {
    return this.#steps.write((step) => runs.deleteRun(step, id));
  }

  createStage(input: CreateStageInput): Promise<StageRecord> {
    return this.#steps.write((step) => stages.createStage(step, input));
  }

  upsertStage(input: UpsertStageInput): Promise<StageRecord> {
    return this.#steps.write((step) => stages.upsertStage(step, input));
  }

  updateStage(id: string, input: UpdateStageInput): Promise<void> {
    return this.#steps.write((step) => stages.updateStage(step, id, input));
  }

  updateStageByRunAndStageId(workflowRunId: string, stageId: string, input: UpdateStageInput): Promise<void> {
    return this.#steps.write((step) => stages.updateStageOfRun(step, workflowRunId, stageId, input));
  }

  getStage(workflowRunId: string, stageId: string): Promise<StageRecord | null> {
    return this.#steps.read((step) => stages.getStage(step, workflowRunId, stageId));
  }

  getStageById(id: string): Promise<StageRecord | null> {
    return this.#steps.read((step) => stages.getStageById(step, id));
  }

  getStagesByRun(workflowRunId: string, query?: StageQuery): Promise<StageRecord[]> {
    return this.#steps.read((step) => stages.getStagesByRun(step, workflowRunId, query));
  }

  getSuspendedStages(before: Date): Promise<StageRecord[]> {
    return this.#steps.read((step) => stages.getSuspendedStages(step, before));
  }

  getFirstSuspendedStageReadyToResume(workflowRunId: string): Promise<StageRecord | null> {
    return this.#steps.read((step) => stages.getFirstReadyToResume(step, workflowRunId));
  }

  async getFirstFailedStage(workflowRunId: string): Promise<StageRecord | null> {
    return (await this.getStagesByRun(workflowRunId, { status: "FAILED" }))[0] ?? null;
  }

  getLastCompletedStage(workflowRunId: string): Promise<StageRecord | null> {
    return this.getLastCompletedStageBefore(workflowRunId, Number.POSITIVE_INFINITY);
  }

  getLastCompletedStageBefore(workflowRunId: string, executionGroup: number): Promise<StageRecord | null> {
    return this.#steps.read((step) => stages.getLastCompleted(step, workflowRunId, executionGroup));
  }

  deleteStage(id: string): Promise<void> {
    return this.#steps.write((step) => stages.deleteStage(step, id));
  }

  createLog(input: CreateLogInput): Promise<LogRecord> {
    return this.#steps.write((step) => createLog(step, input));
  }

  saveArtifact(input: SaveArtifactInput): Promise<void> {
    return this.#steps.write((step) => artifacts.saveArtifact(step, input));
  }

  loadArtifact(workflowRunId: string, key: string): Promise<unknown> {
    return this.#steps.read((step) => artifacts.loadArtifact(step, workflowRunId, key));
  }

  hasArtifact(workflowRunId: string, key: string): Promise<boolean> {
    return this.#steps.read((step) => artifacts.hasArtifact(step, workflowRunId, key));
  }

  deleteArtifact(workflowRunId: string, key: string): Promise<void> {
    return this.#steps.write((step) => artifacts.deleteArtifact(step, workflowRunId, key));
  }

  listArtifacts(workflowRunId: string): Promise<ArtifactRecord[]> {
    return this.#steps.read((step) => artifacts.listArtifacts(step, workflowRunId));
  }

  getStageIdForArtifact(workflowRunId: string, key: string): Promise<string | null> {
    return this.#steps.read((step) => artifacts.getStageIdForArtifact(step, workflowRunId, key));
  }

  saveStageOutput(workflowRunId: string, workflowType: string, stageId: string, output: unknown): Promise<string> {
    return this.#steps.write((step) => artifacts.saveStageOutput(step, workflowRunId, workflowType, stageId, output));
  }

  appendOutboxEvents(events: CreateOutboxEventInput[]): Promise<void> {
    return this.#steps.write((step) => outbox.appendEvents(step, events));
  }

  getUnpublishedOutboxEvents(limit = DEFAULT_EVENT_LIMIT): Promise<OutboxRecord[]> {
    return this.#steps.read((step) => outbox.getUnpublished(step, limit));
  }

  markOutboxEventsPublished(ids: string[]): Promise<void> {
    return this.#steps.write((step) => outbox.markEventsPublished(step, ids));
  }

  incrementOutboxRetryCount(id: string): Promise<number> {
    return this.#steps.write((step) => outbox.countTry(step, id));
  }

  moveOutboxEventToDLQ(id: string): Promise<void> {
    return this.#steps.write((step) => outbox.giveUp(step, id));
  }

  replayDLQEvents(maxEvents: number): Promise<number> {
    return this.#steps.write((step) => outbox.replayDead(step, maxEvents));
  }

  acquireIdempotencyKey(key: string, commandType: string, hold: KeyHold = {}): Promise<KeyState> {
    return this.#steps.write((step) => keys.acquireKey(step, key, commandType, hold));
  }

  completeIdempotencyKey(key: string, commandType: string, result: unknown): Promise<void> {
    return this.#steps.write((step) => keys.completeKey(step, key, commandType, result));
  }

  releaseIdempotencyKey(key: string, commandType: string): Promise<void> {
    return this.#steps.write((step) => keys.releaseHeldKey(step, key, commandType));
  }
}
