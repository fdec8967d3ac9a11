// The CRUD port over rows in memory. Transactions really roll back and run one at a time; what goes in and comes out is copied
// (P20). Alone it has rows of its own; in a memory store it shows the very rows that the rules write.
import { WorkflowEngineError } from "../errors.ts";
import type { ArtifactRecord, LogRecord } from "../ports/log.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { CreateRunInput, RunRecord, UpdateRunInput } from "../ports/run.ts";
import type { CreateStageInput, StageQuery, StageRecord, UpdateStageInput, UpsertStageInput } from "../ports/stage.ts";
import type { Status } from "../ports/status.ts";
import { stageRecordId } from "../store/record-ids.ts";
import { artifactsInOrder } from "./artifact-rows.ts";
import { compareStages, stagesInOrder } from "./decide.ts";
import { deleteRunRows } from "./delete-run.ts";
import type { Session } from "./inner-session.ts";
import { type MemoryPersistenceOptions, MemoryRecords } from "./memory-records.ts";
import type { StageRow } from "./memory-tables.ts";
import { toArtifactRecord, toLogRecord, toRunRecord, toStageRecord } from "./rows.ts";
import { claimNextRunRow, claimRunRow, compareAge, insertRun, updateRunRow } from "./run-rows.ts";
import { deleteStageRow, findStage, insertStage, requireStage, updateStageRow } from "./stage-rows.ts";
import { compareText } from "./table.ts";

/** A complete persistence in memory, for tests and first steps. Options: clock or environment, rows to share. */
export class InMemoryWorkflowPersistence extends MemoryRecords implements Persistence {
  constructor(options: MemoryPersistenceOptions = {}, session?: Session) {
    super(options, session);
  }

  withTransaction<T>(fn: (tx: Persistence) => Promise<T>): Promise<T> {
    return this.session.transaction(async (inner) => fn(new InMemoryWorkflowPersistence(this.options, inner)));
  }

  createRun(input: CreateRunInput): Promise<RunRecord> {
    return this.step(({ tables, now, newId }) => toRunRecord(insertRun(tables, input, input.id ?? newId(), now)));
  }

  updateRun(id: string, input: UpdateRunInput): Promise<void> {
    return this.step(({ tables, now }) => updateRunRow(tables, id, input, now));
  }

  getRun(id: string): Promise<RunRecord | null> {
    return this.step(({ tables }) => orNull(tables.runs.get(id), toRunRecord));
  }

  getRunStatus(id: string): Promise<Status | null> {
    return this.step(({ tables }) => tables.runs.get(id)?.state.status ?? null);
  }

  getRunsByStatus(status: Status): Promise<RunRecord[]> {
    return this.step(({ tables }) => tables.runs.by("status", status).sort(compareAge).map(toRunRecord));
  }

  claimPendingRun(id: string): Promise<boolean> {
    return this.step(({ tables, now }) => claimRunRow(tables, id, now));
  }

  claimNextPendingRun(): Promise<RunRecord | null> {
    return this.step(({ tables, now }) => orNull(claimNextRunRow(tables, now), toRunRecord));
  }

  createStage(input: CreateStageInput): Promise<StageRecord> {
    return this.step(({ tables, now, newId }) => toStageRecord(insertStage(tables, input, newId, now)));
  }

  upsertStage(input: UpsertStageInput): Promise<StageRecord> {
    return this.step(({ tables, now, newId }) => {
      const { workflowRunId, stageId } = input;
      const row = tables.stages.get(stageRecordId(workflowRunId, stageId));
      if (row) return toStageRecord(updateStageRow(tables, row, input.update, newId, now));
      return toStageRecord(insertStage(tables, { ...input.create, workflowRunId, stageId }, newId, now));
    });
  }

  updateStage(id: string, input: UpdateStageInput): Promise<void> {
    return this.step(({ tables, now, newId }) => void updateStageRow(tables, requireStage(tables, id), input, newId, now));
  }

  updateStageByRunAndStageId(workflowRunId: string, stageId: string, input: UpdateStageInput): Promise<void> {
    return this.step(({ tables, now, newId }) => {
      const row = tables.stages.get(stageRecordId(workflowRunId, stageId));
      if (!row) throw new WorkflowEngineError("STAGE_NOT_FOUND", `WorkflowStage ${stageId} of run ${workflowRunId} not found`);
      updateStageRow(tables, row, input, newId, now);
    });
  }

  getStage(workflowRunId: string, stageId: string): Promise<StageRecord | null> {
    return this.step(({ tables }) => orNull(tables.stages.get(stageRecordId(workflowRunId, stageId)), toStageRecord));
  }

  getStageById(id: string): Promise<StageRecord | null> {
    return this.step(({ tables }) => orNull(findStage(tables, id), toStageRecord));
  }

  getStagesByRun(workflowRunId: string, query: StageQuery = {}): Promise<StageRecord[]> {
    return this.#stagesWhere(workflowRunId, (row) => query.status === undefined || row.state.status === query.status).then((found) =>
      query.orderBy === "desc" ? found.reverse() : found,
    );
  }

  getSuspendedStages(before: Date): Promise<StageRecord[]> {
    const isDue = ({ state }: StageRow): boolean => state.waitReason === "poll" && state.pollAt! <= before.getTime();
    return this.step(({ tables }) => {
      const due = tables.stages.by("polled", "yes").filter(isDue);
      return due.sort((a, b) => a.state.pollAt! - b.state.pollAt!).map(toStageRecord);
    });
  }

  getFirstSuspendedStageReadyToResume(workflowRunId: string): Promise<StageRecord | null> {
    return this.step(({ tables, now }) => {
      const isReady = ({ state }: StageRow): boolean => state.status === "SUSPENDED" && (state.pollAt === null || state.pollAt <= now);
      return orNull(stagesInOrder(tables, workflowRunId).find(isReady), toStageRecord);
    });
  }

  async getFirstFailedStage(workflowRunId: string): Promise<StageRecord | null> {
    return (await this.#stagesWhere(workflowRunId, ({ state }) => state.status === "FAILED"))[0] ?? null;
  }

  getLastCompletedStage(workflowRunId: string): Promise<StageRecord | null> {
    return this.getLastCompletedStageBefore(workflowRunId, Number.POSITIVE_INFINITY);
  }

  async getLastCompletedStageBefore(workflowRunId: string, executionGroup: number): Promise<StageRecord | null> {
    const isBefore = ({ state }: StageRow): boolean => state.status === "COMPLETED" && state.group < executionGroup;
    return (await this.#stagesWhere(workflowRunId, isBefore)).at(-1) ?? null;
  }

  deleteStage(id: string): Promise<void> {
    return this.step(({ tables, now }) => deleteStageRow(tables, id, now));
  }

  /** Deletes a run with every row that belongs to it. */
  deleteRun(id: string): Promise<void> {
    return this.step(({ tables }) => deleteRunRows(tables, id));
  }

  /** Removes everything. */
  clear(): void {
    this.options.tables.clear();
  }

  /** Every run, oldest first. */
  getAllRuns(): RunRecord[] {
    return this.options.tables.runs.values().sort(compareAge).map(toRunRecord);
  }

  /** Every stage of every run. */
  getAllStages(): StageRecord[] {
    return this.options.tables.stages.values().sort(compareStages).map(toStageRecord);
  }

  /** Every log line, oldest first. */
  getAllLogs(): LogRecord[] {
    const rows = this.options.tables.logs.values();
    return rows.sort((a, b) => a.createdAt - b.createdAt || compareText(a.id, b.id)).map(toLogRecord);
  }

  /** Every artifact, oldest first. */
  getAllArtifacts(): ArtifactRecord[] {
    return artifactsInOrder(this.options.tables.artifacts.values()).map(toArtifactRecord);
  }

  async #stagesWhere(runId: string, isWanted: (row: StageRow) => boolean): Promise<StageRecord[]> {
    return this.step(({ tables }) => stagesInOrder(tables, runId).filter(isWanted).map(toStageRecord));
  }
}

function orNull<V, R>(row: V | null | undefined, map: (row: V) => R): R | null {
  return row === null || row === undefined ? null : map(row);
}
