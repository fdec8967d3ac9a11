// One run as a batch sees it: what was loaded, what the decisions so far have made of it, and what of that is not written yet.
// Folding is synchronous and cannot fail half way: everything that may be wrong is found before the first field changes.
import { WorkflowEngineError } from "../errors.ts";
import { isEnded } from "../ports/status.ts";
import type {
  ArtifactRow,
  AttemptRow,
  BudgetRaise,
  Changes,
  LogRow,
  NewRun,
  RunState,
  StageChange,
  StagePayloads,
  StageState,
} from "../ports/store.ts";
import { encodeEvent } from "./outbox-events.ts";
import type { SignalDraft } from "./signal-draft.ts";

/** A stage row as the batch sees it. A state never changes, another one takes its place: rules and callers keep what they have seen. */
export interface StageDraft {
  state: Readonly<StageState>;
  /** The state in the database; null until its row is inserted. */
  written: Readonly<StageState> | null;
  /** Changes not written yet. */
  changes: number;
  payloads: StagePayloads;
}

const noPayloads: StagePayloads = {};
const noEvents: readonly string[] = [];
const noStages: readonly StageChange[] = [];

/** The stage's key among those of one run. */
export function stageKey(stageId: string, item: number): string {
  return item === 0 ? stageId : `${stageId}\0${item}`;
}

/** A run under decision. */
export class RunDraft {
  readonly runId: string;
  run: Readonly<RunState> | null;
  readonly stages = new Map<string, StageDraft>();
  /** Set while the run's row is not inserted. */
  created: NewRun | null = null;
  isRunChanged = false;
  isPriorityChanged = false;
  output: string | null | undefined = undefined;
  endOpen: "CANCELLED" | "SKIPPED" | null = null;
  dropFrom: number | null = null;
  isDeleted = false;
  readonly attempts: AttemptRow[] = [];
  readonly logs: LogRow[] = [];
  readonly artifacts: ArtifactRow[] = [];
  readonly events: string[] = [];
  readonly raises: BudgetRaise[] = [];
  /** Events that are written: the sequence of the last. */
  eventCount: number;
  /** The state in the database; null until its row is inserted. */
  written: Readonly<RunState> | null;
  isDirty = false;
  /** True until a statement looks whether it still is as it was known, by an earlier batch or before the transaction. */
  isUnchecked = false;

  constructor(runId: string, run: RunState | null, eventCount = 0) {
    this.runId = runId;
    this.run = run;
    this.written = run;
    this.eventCount = eventCount;
  }

  /** Puts a stage as it was loaded, unless the batch knows better. */
  adopt(state: StageState): void {
    const key = stageKey(state.stageId, state.item);
    if (!this.stages.has(key)) this.stages.set(key, { state, written: state, changes: 0, payloads: noPayloads });
  }

  /** True when a change of stages waits that must be written before rows end or go. */
  get hasStageWrites(): boolean {
    if (this.endOpen || this.dropFrom !== null) return true;
    for (const stage of this.stages.values()) if (!stage.written || stage.changes > 0) return true;
    return false;
  }

  /** Forgets what has been written. */
  settleWrites(): void {
    this.created = null;
    this.eventCount += this.events.length;
    this.written = this.run;
    this.isRunChanged = false;
    this.isPriorityChanged = false;
    this.output = undefined;
    this.endOpen = null;
    this.dropFrom = null;
    this.isDeleted = false;
    empty(this.attempts);
    empty(this.logs);
    empty(this.artifacts);
    empty(this.events);
    empty(this.raises);
    for (const stage of this.stages.values()) {
      stage.written = stage.state;
      stage.changes = 0;
      stage.payloads = noPayloads;
    }
    this.isDirty = false;
    this.isUnchecked = false;
  }
}

function empty(rows: unknown[]): void {
  // most are: setting a length costs more than looking at it
  if (rows.length > 0) rows.length = 0;
}

/** Stages that a change names and that the draft does not know: they have to be loaded before it can be folded. */
export function missingStages(draft: RunDraft, changes: Changes<unknown>): readonly StageChange[] {
  const isKnown = ({ stageId, item }: StageChange): boolean => draft.stages.has(stageKey(stageId, item));
  return !changes.stages || changes.stages.every(isKnown) ? noStages : changes.stages.filter((change) => !isKnown(change));
}

/** Throws what is wrong with a decision; answers its events as text. */
export function checkChanges(draft: RunDraft, changes: Changes<unknown>): readonly string[] {
  const { runId, run } = draft;
  for (const { stageId, item } of changes.stages ?? []) {
    const known = draft.stages.get(stageKey(stageId, item));
    const isDropped = known && changes.dropFrom !== undefined && known.state.group >= changes.dropFrom;
    if (!known || isDropped) throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${stageId} of run ${runId} not found`);
  }
  if (changes.create) {
    if (run) throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${runId} exists already. Use another id.`);
  } else if (!run && touchesAnything(changes)) {
    throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
  }
  if (changes.open) checkOpened(draft, changes.open, changes.dropFrom);
  return changes.events ? changes.events.map(encodeEvent) : noEvents;
}

function checkOpened(draft: RunDraft, open: readonly StageState[], dropFrom: number | undefined): void {
  const opened = open.length > 1 ? new Set<string>() : null;
  for (const { stageId, item } of open) {
    const key = stageKey(stageId, item);
    const known = draft.stages.get(key);
    const isThere = known && !(dropFrom !== undefined && known.state.group >= dropFrom);
    if (isThere || opened?.has(key))
      throw new WorkflowEngineError("STORE_REFUSED", `Stage ${stageId} of run ${draft.runId} is open already`);
    opened?.add(key);
  }
}

/** Applies a checked decision. What ends or goes by statement needs a draft without unwritten stages. */
export function fold(draft: RunDraft, changes: Changes<unknown>, events: readonly string[], now: number, signal: SignalDraft): void {
  if (changes.create) createRun(draft, changes.create, now, signal);
  if (changes.attempts) draft.attempts.push(...changes.attempts);
  if (changes.endOpen) endOpen(draft, changes.endOpen, now, signal);
  if (changes.dropFrom !== undefined) dropFrom(draft, changes.dropFrom);
  for (const change of changes.stages ?? []) changeStage(draft, change, signal);
  for (const state of changes.open ?? []) openStage(draft, state, signal);
  if (changes.run || touchesStages(changes)) changeRun(draft, changes.run ?? {}, !changes.create, signal);
  if (changes.logs) draft.logs.push(...changes.logs);
  if (changes.artifacts) draft.artifacts.push(...changes.artifacts);
  for (const event of events) draft.events.push(event);
  if (events.length > 0) signal.hasEvents = true;
  if (changes.raiseBudget) draft.raises.push(changes.raiseBudget);
  if (changes.deleteRun) draft.isDeleted = true;
  draft.isDirty ||= touchesAnything(changes) || changes.create !== undefined;
}

function touchesStages(changes: Changes<unknown>): boolean {
  return Boolean(changes.endOpen || changes.dropFrom !== undefined || changes.stages?.length || changes.open?.length);
}

function touchesAnything(changes: Changes<unknown>): boolean {
  const hasRows = changes.attempts?.length || changes.logs?.length || changes.artifacts?.length || changes.events?.length;
  return Boolean(changes.run || hasRows || changes.raiseBudget || changes.deleteRun) || touchesStages(changes);
}

function createRun(draft: RunDraft, run: NewRun, now: number, signal: SignalDraft): void {
  const times = { createdAt: now, startedAt: null, completedAt: null, queuedAt: run.startAt ?? now, transitionAt: null };
  const counts = { group: 0, open: 0, suspended: 0, version: 1 };
  const { workflowId, priority } = run;
  draft.run = { id: draft.runId, workflowId, status: "PENDING", priority, ...counts, ...times, error: null };
  draft.created = run;
  signal.sawRun(null, draft.run);
}

function endOpen(draft: RunDraft, status: "CANCELLED" | "SKIPPED", now: number, signal: SignalDraft): void {
  draft.endOpen = status;
  // there may be leased ones among those that are not loaded
  signal.mayHaveLost = true;
  const ended = { status, completedAt: now, lease: null, waitReason: null, readyAt: null, pollAt: null };
  for (const stage of draft.stages.values()) {
    if (isEnded(stage.state.status)) continue;
    stage.state = { ...stage.state, ...ended };
    // the statement that ends them runs before any other change of this draft
    stage.written = stage.state;
  }
}

function dropFrom(draft: RunDraft, group: number): void {
  draft.dropFrom = group;
  for (const [key, stage] of draft.stages) if (stage.state.group >= group) draft.stages.delete(key);
}

function changeStage(draft: RunDraft, { stageId, item, set, payloads }: StageChange, signal: SignalDraft): void {
  const stage = draft.stages.get(stageKey(stageId, item))!;
  const before = stage.state;
  stage.state = withDefined(before, set);
  if (payloads) stage.payloads = stage.payloads === noPayloads ? payloads : withDefined(stage.payloads, payloads);
  stage.changes += 1;
  signal.sawStage(before, stage.state);
}

function openStage(draft: RunDraft, state: StageState, signal: SignalDraft): void {
  const own = state.runId === draft.runId ? state : { ...state, runId: draft.runId };
  draft.stages.set(stageKey(state.stageId, state.item), { state: own, written: null, changes: 0, payloads: noPayloads });
  signal.sawStage(null, state);
}

function changeRun(draft: RunDraft, change: NonNullable<Changes<unknown>["run"]>, isNewVersion: boolean, signal: SignalDraft): void {
  const before = draft.run!;
  const after = withDefined<RunState>(before, change, "output");
  if (isNewVersion) after.version += 1;
  if (change.output !== undefined) draft.output = change.output;
  draft.run = after;
  draft.isRunChanged = true;
  draft.isPriorityChanged ||= after.priority !== before.priority;
  signal.sawRun(before, after);
}

/** A copy with the defined fields of `set`, but for `except`. */
function withDefined<T extends object>(row: T, set: object, except?: string): T {
  const copy = { ...row } as Record<string, unknown>;
  for (const name in set) {
    const value = (set as Record<string, unknown>)[name];
    if (value !== undefined && name !== except) copy[name] = value;
  }
  return copy as T;
}
