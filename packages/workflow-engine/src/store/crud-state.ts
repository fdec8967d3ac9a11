// Records of the CRUD port as the states that rules decide on, and back. What a record has no field for is packed under the reserved
// key "$engine": a stage's in `config`, a run's in `metadata`. `stripEngineFields` takes it off again for whoever shows a record.
import type { RunRecord } from "../ports/run.ts";
import type { StageFields, StageRecord } from "../ports/stage.ts";
import type { WaitReason } from "../ports/status.ts";
import { isEnded } from "../ports/status.ts";
import type { JsonText, Lease, NewRun, RunPayloads, RunState, StagePayloads, StageState } from "../ports/store.ts";

type JsonObject = Record<string, unknown>;

/** The reserved key of `run.metadata` and `stage.config`. */
export const engineKey = "$engine";

const defaultMaxAttempts = 3;

/** What a run's record has no field for. Instants are milliseconds. */
interface RunExtras {
  /** The open group; counted when absent, but a group without stages cannot be counted. */
  group?: number;
  queuedAt?: number;
  transitionAt?: number;
  error?: string;
  workflowVersion?: string;
  parentRunId?: string;
}

/** What a stage's record has no field for. */
interface StageExtras {
  executionId: string;
  maxAttempts: number;
  waitReason?: WaitReason;
  lease?: Lease;
  pollFailures?: number;
  progress?: unknown;
}

/** A run and its stages as loaded: the records, and what rules see of them. `stages[i]` is of `stageRecords[i]`. */
export interface LoadedRun {
  record: RunRecord;
  stageRecords: StageRecord[];
  run: RunState;
  stages: StageState[];
}

/** The object without fields that are undefined: those stay as they are. */
export function definedOf<T extends object>(set: T): Partial<T> {
  return Object.fromEntries(Object.entries(set).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** A copy of a record without the engine's own fields, as people should see it. */
export function stripEngineFields<T extends { config: JsonObject | null; metadata?: JsonObject | null }>(record: T): T {
  const strip = (json: JsonObject): JsonObject | null => {
    const { [engineKey]: _, ...own } = json;
    return Object.keys(own).length === 0 ? null : own;
  };
  const stripped = { ...record };
  if (record.config && engineKey in record.config) stripped.config = strip(record.config);
  if (record.metadata && engineKey in record.metadata) stripped.metadata = strip(record.metadata);
  return stripped;
}

/** What rules see of a run and its stages. */
export function toLoadedRun(record: RunRecord, stageRecords: StageRecord[]): LoadedRun {
  const stages = stageRecords.map(toStageState);
  return { record, stageRecords, run: toRunState(record, stages), stages };
}

/** What rules see of a run; its counters are counted. */
function toRunState(record: RunRecord, stages: readonly StageState[]): RunState {
  const extras = extrasOf<RunExtras>(record.metadata);
  const group = extras.group ?? stages.reduce((last, stage) => Math.max(last, stage.group), 0);
  const open = stages.filter((stage) => stage.group === group && !isEnded(stage.status));
  return {
    id: record.id,
    workflowId: record.workflowId,
    status: record.status,
    priority: record.priority,
    group,
    open: open.length,
    suspended: open.filter((stage) => stage.status === "SUSPENDED").length,
    version: record.version ?? 0,
    createdAt: record.createdAt.getTime(),
    startedAt: toMs(record.startedAt),
    completedAt: toMs(record.completedAt),
    queuedAt: queuedAtOf(record),
    transitionAt: extras.transitionAt ?? null,
    error: extras.error ?? record.errorMessage ?? null,
  };
}

/** When a PENDING run may be claimed; null for any other. */
export function queuedAtOf(record: RunRecord): number | null {
  if (record.status !== "PENDING") return null;
  return extrasOf<RunExtras>(record.metadata).queuedAt ?? record.createdAt.getTime();
}

/** What rules see of a stage; a stage that others created is its record's own execution. */
export function toStageState(record: StageRecord): StageState {
  const extras = extrasOf<StageExtras>(record.config);
  const waitsUntil = toMs(record.nextPollAt);
  return {
    runId: record.workflowRunId,
    stageId: record.stageId,
    item: 0,
    name: record.stageName,
    number: record.stageNumber,
    group: record.executionGroup,
    status: record.status,
    attempt: record.attempt,
    maxAttempts: extras.maxAttempts ?? defaultMaxAttempts,
    executionId: extras.executionId ?? record.id,
    lease: extras.lease ?? null,
    waitReason: extras.waitReason ?? (record.status === "SUSPENDED" ? "poll" : null),
    readyAt: record.status === "PENDING" ? waitsUntil : null,
    pollAt: record.status === "PENDING" ? null : waitsUntil,
    pollIntervalMs: record.pollInterval,
    maxWaitUntil: toMs(record.maxWaitUntil),
    pollFailures: extras.pollFailures ?? 0,
    startedAt: toMs(record.startedAt),
    completedAt: toMs(record.completedAt),
    error: record.errorMessage,
  };
}

/** What the record of a stage is to hold; `old` keeps the author's own config. */
export function toStageFields(state: StageState, payloads: StagePayloads, old: StageRecord | null): StageFields {
  const { output, state: suspended, resume, metrics, embeddings } = payloads;
  return {
    status: state.status,
    attempt: state.attempt,
    startedAt: toDate(state.startedAt),
    completedAt: toDate(state.completedAt),
    duration: durationOf(state),
    nextPollAt: toDate(state.status === "PENDING" ? state.readyAt : state.pollAt),
    pollInterval: state.pollIntervalMs,
    maxWaitUntil: toDate(state.maxWaitUntil),
    errorMessage: state.error,
    config: { ...old?.config, [engineKey]: stageExtras(state, payloads.progress, old) },
    ...(output !== undefined && { outputData: fromText(output) }),
    ...(suspended !== undefined && { suspendedState: fromText(suspended) }),
    ...(resume !== undefined && { resumeData: fromText(resume) }),
    ...(metrics !== undefined && { metrics: fromText(metrics) as JsonObject | null }),
    ...(embeddings !== undefined && { embeddingInfo: fromText(embeddings) as JsonObject | null }),
  };
}

function stageExtras(state: StageState, progress: JsonText | null | undefined, old: StageRecord | null): StageExtras {
  const told = progress === undefined ? extrasOf<StageExtras>(old?.config ?? null).progress : fromText(progress);
  return {
    executionId: state.executionId,
    maxAttempts: state.maxAttempts,
    ...(state.waitReason !== null && { waitReason: state.waitReason }),
    ...(state.lease !== null && { lease: state.lease }),
    ...(state.pollFailures > 0 && { pollFailures: state.pollFailures }),
    ...(told !== undefined && told !== null && { progress: told }),
  };
}

/** The metadata of a run that begins. */
export function newMetadata(run: NewRun): JsonObject {
  const extras: RunExtras = {
    workflowVersion: run.workflowVersion,
    ...(run.startAt !== null && { queuedAt: run.startAt }),
    ...(run.parentRunId !== null && { parentRunId: run.parentRunId }),
  };
  return { ...(run.metadata === null ? {} : (JSON.parse(run.metadata) as JsonObject)), [engineKey]: extras };
}

/** The metadata of a run after a change; undefined when it stays as it is. */
export function changedMetadata(record: RunRecord, set: Partial<Pick<RunState, keyof RunExtras & keyof RunState>>): JsonObject | undefined {
  const before = extrasOf<RunExtras>(record.metadata);
  const after: JsonObject = { ...before };
  for (const field of ["group", "queuedAt", "transitionAt", "error"] as const) {
    if (set[field] === null) delete after[field];
    else if (set[field] !== undefined) after[field] = set[field];
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return undefined;
  return { ...record.metadata, [engineKey]: after };
}

/** What every stage of a run reads. A stage that COMPLETED without an output left null (P6). */
export function payloadsOf(record: RunRecord, stages: readonly StageRecord[]): RunPayloads {
  const completed = stages.filter((stage) => stage.status === "COMPLETED");
  return {
    input: toText(record.input),
    config: toText(record.config ?? {}),
    outputs: Object.fromEntries(completed.map((stage) => [stage.stageId, toText(stage.outputData)])),
    groups: Object.fromEntries(completed.map((stage) => [stage.stageId, stage.executionGroup])),
  };
}

/** JSON text of a stored value. */
export function toText(value: unknown): JsonText {
  return JSON.stringify(value ?? null);
}

/** The value of JSON text; null for none. */
export function fromText(text: JsonText | null): unknown {
  return text === null ? null : JSON.parse(text);
}

/** A Date, or null for none. */
export function toDate(at: number | null): Date | null {
  return at === null ? null : new Date(at);
}

/** Milliseconds between start and end; null until both are known. */
export function durationOf({ startedAt, completedAt }: { startedAt: number | null; completedAt: number | null }): number | null {
  return startedAt === null || completedAt === null ? null : completedAt - startedAt;
}

function toMs(date: Date | null | undefined): number | null {
  return date ? date.getTime() : null;
}

function extrasOf<T extends object>(json: JsonObject | null | undefined): Partial<T> {
  const extras = json?.[engineKey];
  return typeof extras === "object" && extras !== null ? extras : {};
}
