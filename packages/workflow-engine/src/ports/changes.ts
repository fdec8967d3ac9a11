// What a rule sees and what it answers. Payloads travel as JSON text: they are written once and never looked into.
import type { DraftEvent } from "./event.ts";
import type { BudgetLimit, RunBudget } from "./ledger.ts";
import type { JsonText, RunPayloads, RunState, StagePayloads, StageState } from "./state.ts";
import type { ArtifactType, LogLevel } from "./status.ts";

/** What a rule sees, and changes nothing of. The same snapshot, the same answer: no clock, no randomness (P4). */
export interface Snapshot {
  readonly run: Readonly<RunState> | null;
  /** The stage the unit names; null when it has none or there is no such row. */
  readonly stage: Readonly<StageState> | null;
  /** An id nobody else has, new for each call. */
  freshId: string;
  /** Run input and parsed config; only for runs picked by `claimRuns`. */
  payloads?: RunPayloads | undefined;
  /** Every stage of the run; only after `need: "stages"`. */
  stages?: StageState[] | undefined;
  /** Outputs of the open group's COMPLETED stages by stage id; only after `need: "outputs"`. */
  outputs?: Record<string, JsonText> | undefined;
}

/** A run that does not exist yet. */
export interface NewRun {
  workflowId: string;
  workflowName: string;
  /** Fingerprint of the workflow's declared shape. */
  workflowVersion: string;
  priority: number;
  /** Earliest start; null for at once. */
  startAt: number | null;
  input: JsonText;
  config: JsonText;
  metadata: JsonText | null;
  parentRunId: string | null;
  /** What its model calls may spend; no limit when absent. */
  budget?: RunBudget | undefined;
}

/** A higher limit. A limit is never lowered, and what has none stays without. */
export interface BudgetRaise {
  /** Null for the run's own budget. */
  stageId: string | null;
  usdPico: bigint | null;
  tokens: number | null;
  /** What the stage declares: its budget is kept from its first call on, and may be raised before. */
  declared?: BudgetLimit | undefined;
}

/** A change of one loaded stage. */
export interface StageChange {
  stageId: string;
  item: number;
  set: Partial<Omit<StageState, "runId" | "stageId" | "item" | "name" | "number" | "group">>;
  payloads?: StagePayloads;
}

/** An attempt that is over, kept for ever beside the stage that goes on. */
export interface AttemptRow {
  stageId: string;
  item: number;
  attempt: number;
  executionId: string;
  workerId: string | null;
  startedAt: number | null;
  endedAt: number;
  /** LOST: its worker died or was too slow. */
  outcome: "FAILED" | "SUSPENDED" | "COMPLETED" | "CANCELLED" | "LOST";
  error: string | null;
}

/** A log line to append. */
export interface LogRow {
  stageId: string | null;
  item: number;
  level: LogLevel;
  message: string;
  metadata: JsonText | null;
  at: number;
}

/** An artifact to save; one of the same key is replaced. */
export interface ArtifactRow {
  stageId: string | null;
  key: string;
  type: ArtifactType;
  data: JsonText;
  bytes: number;
}

/** What a rule answers: everything that changes, in one commit. Applied in the order of the fields. */
export interface Changes<R> {
  result: R;
  /** Load this and ask again, inside the same transaction; nothing else of the answer is looked at. */
  need?: "outputs" | "stages";
  create?: NewRun;
  /** Appended first, so that they tell of rows before they change. */
  attempts?: AttemptRow[];
  /** Ends every stage of the run that has not ended. */
  endOpen?: "CANCELLED" | "SKIPPED" | undefined;
  /** Deletes the stages of this group and of every later one. */
  dropFrom?: number;
  stages?: StageChange[];
  open?: StageState[] | undefined;
  run?: Partial<Omit<RunState, "id" | "workflowId" | "version" | "createdAt">> & {
    /** Text sets, null clears. */
    output?: JsonText | null;
  };
  logs?: LogRow[] | undefined;
  artifacts?: ArtifactRow[] | undefined;
  events?: DraftEvent[];
  raiseBudget?: BudgetRaise;
  /** Deletes the run and every row that belongs to it. */
  deleteRun?: boolean;
}

/** A pure decision. It may be called more than once for one unit, so it touches nothing. */
export type Decide<R> = (snapshot: Snapshot, now: number) => Changes<R>;

/** An idempotency key that rides a unit (P2). */
export interface UnitKey<R> {
  key: string;
  commandType: string;
  /** Digest of the payload. */
  hash: string;
  /**
   * once: key, effect and result in this commit · hold: taken now, under `owner`, by a unit that changes a stage · settle: the held key is
   * completed now · release: the held key is free again, because the same command is to be carried out once more.
   */
  mode: "once" | "hold" | "settle" | "release";
  owner?: string;
  leaseMs?: number;
  /** What to store as the command's result. */
  resultOf(result: R): unknown;
  /** Makes the unit's answer of a stored result. */
  replay(stored: unknown): R;
}

/** One atomic change of one run. */
export interface Unit<R> {
  runId: string;
  /** The stage to load beside the run. */
  stage?: { stageId: string; item: number };
  key?: UnitKey<R>;
  /** True when the id was made a moment ago: a store may take it that there is no such run and no such key, and look only if there is. */
  isNew?: boolean;
  decide: Decide<R>;
}
