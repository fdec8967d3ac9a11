// Writes what a rule decided with calls of the CRUD port, inside the unit's transaction and in the order that `Changes` documents.
// Each stage is written once, in its last state. Attempts that are over are kept where the adapter has a table for them.
import { WorkflowEngineError } from "../errors.ts";
import type { EnqueueJobInput } from "../ports/job.ts";
import type { CreateOutboxEventInput } from "../ports/outbox.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { RunRecord, UpdateRunInput } from "../ports/run.ts";
import type { StageRecord } from "../ports/stage.ts";
import { isEnded } from "../ports/status.ts";
import type { ArtifactRow, Changes, LogRow, NewRun, RunState, StagePayloads, StageState } from "../ports/store.ts";
import {
  changedMetadata,
  definedOf,
  durationOf,
  fromText,
  type LoadedRun,
  newMetadata,
  toDate,
  toLoadedRun,
  toStageFields,
} from "./crud-state.ts";
import { encodeEvent } from "./event-codec.ts";
import { stageRecordId } from "./record-ids.ts";

type JsonObject = Record<string, unknown>;

/** A stage before and after a unit; null where there is none. */
export interface StageStep {
  before: StageState | null;
  after: StageState | null;
}

/** What a unit did, for those who have to hear of it after the commit. */
export interface Written {
  runId: string;
  record: RunRecord;
  before: RunState | null;
  after: RunState | null;
  stages: StageStep[];
  hasEvents: boolean;
}

interface Draft extends StageStep {
  old: StageRecord | null;
  payloads: StagePayloads;
}

/** True when a rule decided that nothing changes. */
export function changesNothing(changes: Changes<unknown>): boolean {
  const { result: _, need: __, dropFrom, attempts, stages, open, logs, artifacts, events, ...rest } = changes;
  const lists = [attempts, stages, open, logs, artifacts, events];
  return dropFrom === undefined && lists.every((list) => !list?.length) && Object.values(rest).every((value) => !value);
}

/** Applies everything a rule decided about one run; `causationId` names the execution or unit that did it. */
export async function applyChanges(
  tx: Persistence,
  runId: string,
  found: LoadedRun | null,
  changes: Changes<unknown>,
  context: { now: number; causationId: string },
): Promise<Written> {
  const loaded = changes.create ? await createRun(tx, runId, found, changes.create) : found;
  if (!loaded) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
  const drafts = draftStages(loaded, changes, context.now);
  if (changes.attempts?.length) await tx.appendAttempts?.(runId, changes.attempts);
  await writeStages(tx, loaded, drafts);
  const set: Partial<RunState> = definedOf(changes.run ?? {});
  if (changes.run) await updateRun(tx, loaded, changes.run);
  const idOf = recordIdsOf(loaded, drafts);
  for (const log of changes.logs ?? []) await createLog(tx, runId, log, idOf);
  for (const artifact of changes.artifacts ?? []) await saveArtifact(tx, runId, artifact, idOf);
  const events = changes.events ?? [];
  if (events.length > 0) await tx.appendOutboxEvents(events.map((event) => eventRow(runId, encodeEvent(event), context)));
  if (changes.raiseBudget) await tx.budgets?.raise(runId, changes.raiseBudget);
  if (changes.deleteRun) await deleteRun(tx, runId);
  return {
    runId,
    record: loaded.record,
    before: found?.run ?? null,
    after: changes.deleteRun ? null : { ...loaded.run, ...set },
    stages: drafts.map(({ before, after }) => ({ before, after: changes.deleteRun ? null : after })),
    hasEvents: events.length > 0,
  };
}

/** The jobs of stages that wait for a worker since this unit. */
export function jobsOf({ record, after, stages }: Written, idOf: (stage: StageState) => string): EnqueueJobInput[] {
  if (after?.status !== "RUNNING") return [];
  const isQueued = (stage: StageState | null): stage is StageState => stage?.status === "PENDING" && stage.readyAt !== null;
  const isNew = ({ before, after }: StageStep): boolean =>
    !isQueued(before) || before.executionId !== after?.executionId || before.readyAt !== after.readyAt;
  return stages
    .filter(isNew)
    .map((step) => step.after)
    .filter(isQueued)
    .map((stage) => jobOf(record, stage, idOf(stage)));
}

/** The job that is this execution of a stage. */
export function jobOf(run: RunRecord, stage: StageState, jobId: string): EnqueueJobInput {
  return {
    jobId,
    workflowRunId: run.id,
    workflowId: run.workflowId,
    stageId: stage.stageId,
    priority: run.priority,
    attempt: stage.attempt,
    maxAttempts: stage.maxAttempts,
    payload: { config: run.config ?? {}, executionId: stage.executionId },
    ...(stage.readyAt !== null && { scheduledFor: new Date(stage.readyAt) }),
  };
}

async function createRun(tx: Persistence, runId: string, found: LoadedRun | null, run: NewRun): Promise<LoadedRun> {
  if (found) throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${runId} exists already. Use another id.`);
  const record = await tx.createRun({
    id: runId,
    workflowId: run.workflowId,
    workflowName: run.workflowName,
    workflowType: run.workflowId,
    status: "PENDING",
    priority: run.priority,
    input: fromText(run.input),
    config: fromText(run.config) as JsonObject,
    metadata: newMetadata(run),
  });
  if (record.id === runId && run.budget) await tx.budgets?.create(runId, run.budget);
  if (record.id === runId) return toLoadedRun(record, []);
  throw new WorkflowEngineError(
    "STORE_REFUSED",
    `createRun of this persistence gave run ${runId} the id ${record.id}. It has to keep the id it is given.`,
  );
}

/** Every stage the unit touches, in the order of `Changes`: ended, dropped, changed, opened. */
function draftStages(loaded: LoadedRun, changes: Changes<unknown>, now: number): Draft[] {
  const touched = new Set<Draft>();
  const drafts = new Map<string, Draft>();
  loaded.stages.forEach(
    (state, i) => void drafts.set(state.stageId, { before: state, after: state, old: loaded.stageRecords[i]!, payloads: {} }),
  );
  const touch = (draft: Draft, after: StageState | null): void => {
    draft.after = after;
    touched.add(draft);
  };
  const { endOpen, dropFrom } = changes;
  for (const draft of drafts.values()) {
    const { after } = draft;
    if (after && endOpen && !isEnded(after.status)) {
      touch(draft, { ...after, status: endOpen, completedAt: now, lease: null, waitReason: null, readyAt: null, pollAt: null });
    }
    if (after && dropFrom !== undefined && after.group >= dropFrom) touch(draft, null);
  }
  for (const { stageId, set, payloads = {} } of changes.stages ?? []) {
    const draft = drafts.get(stageId);
    if (!draft?.after) throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${stageId} of run ${loaded.run.id} not found`);
    touch(draft, { ...draft.after, ...definedOf(set) });
    Object.assign(draft.payloads, definedOf(payloads));
  }
  for (const state of changes.open ?? []) touch({ before: null, after: state, old: null, payloads: {} }, state);
  return [...touched];
}

async function writeStages(tx: Persistence, loaded: LoadedRun, drafts: readonly Draft[]): Promise<void> {
  for (const { after, old } of drafts) if (!after && old) await tx.deleteStage(old.id);
  for (const { after, old, payloads } of drafts) {
    if (after && old) await tx.updateStage(old.id, toStageFields(after, payloads, old));
  }
  for (const { after, old, payloads } of drafts) {
    if (!after || old) continue;
    await tx.createStage({
      ...toStageFields(after, payloads, null),
      id: stageRecordId(loaded.run.id, after.stageId, after.item),
      workflowRunId: loaded.run.id,
      stageId: after.stageId,
      stageName: after.name,
      stageNumber: after.number,
      executionGroup: after.group,
    });
  }
}

async function updateRun(tx: Persistence, { record, run }: LoadedRun, change: NonNullable<Changes<unknown>["run"]>): Promise<void> {
  const { output, ...set } = change;
  const times = { startedAt: set.startedAt ?? run.startedAt, completedAt: set.completedAt ?? null };
  const metadata = changedMetadata(record, set);
  const input: UpdateRunInput = {
    ...(set.status !== undefined && { status: set.status }),
    ...(set.startedAt !== undefined && { startedAt: toDate(set.startedAt) }),
    ...(set.completedAt !== undefined && { completedAt: toDate(set.completedAt), duration: durationOf(times) }),
    ...(set.error !== undefined && { errorMessage: set.error }),
    ...(output !== undefined && { output: fromText(output) }),
    ...(metadata !== undefined && { metadata }),
  };
  if (Object.keys(input).length > 0) await tx.updateRun(run.id, input);
}

/** Finds a stage's record id, also of one that this unit opened. */
function recordIdsOf(loaded: LoadedRun, drafts: readonly Draft[]): (stageId: string | null) => string | undefined {
  const ids = new Map(loaded.stageRecords.map((record) => [record.stageId, record.id]));
  for (const { after, old } of drafts) if (after && !old) ids.set(after.stageId, stageRecordId(loaded.run.id, after.stageId, after.item));
  return (stageId) => (stageId === null ? undefined : ids.get(stageId));
}

async function createLog(tx: Persistence, runId: string, log: LogRow, idOf: (stageId: string | null) => string | undefined): Promise<void> {
  const metadata = fromText(log.metadata) as JsonObject | null;
  await tx.createLog({ workflowRunId: runId, workflowStageId: idOf(log.stageId), level: log.level, message: log.message, metadata });
}

async function saveArtifact(
  tx: Persistence,
  runId: string,
  artifact: ArtifactRow,
  idOf: (stageId: string | null) => string | undefined,
): Promise<void> {
  const { key, type, data, bytes } = artifact;
  await tx.saveArtifact({ workflowRunId: runId, workflowStageId: idOf(artifact.stageId), key, type, data: fromText(data), size: bytes });
}

function eventRow(runId: string, text: string, { now, causationId }: { now: number; causationId: string }): CreateOutboxEventInput {
  const { type, ...payload } = JSON.parse(text) as { type: string };
  return { workflowRunId: runId, eventType: type, payload, causationId, occurredAt: new Date(now) };
}

async function deleteRun(tx: Persistence, runId: string): Promise<void> {
  if (!tx.deleteRun) {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      `Run ${runId} stays: this persistence cannot delete runs. Give it a deleteRun(id) method.`,
    );
  }
  await tx.deleteRun(runId);
}
