// The one door between rules and stores. A rule sees a Snapshot and answers Changes; the store locks, loads, calls the rule,
// writes everything in one commit. Payloads travel as JSON text: they are written once and never looked into.
import type { DraftEvent } from "./event.ts";
import type { ArtifactType, LogLevel, Status, WaitReason } from "./status.ts";

/** JSON text of a payload, or of the BlobReference that stands for it. */
export type JsonText = string;

/** The narrow part of a run that rules need. Instants are milliseconds since the epoch. */
export interface RunState {
  id: string;
  workflowId: string;
  status: Status;
  priority: number;
  /** Group that is open, from 1; 0 before the first. */
  group: number;
  /** Stages of the open group that have not ended. */
  open: number;
  /** Of those, how many are SUSPENDED. */
  suspended: number;
  version: number;
  createdAt: number;
  startedAt: number | null;
  completedAt: number | null;
  /** When a PENDING run may be claimed; null when nobody should claim it. */
  queuedAt: number | null;
  /** Since when the open group has ended and waits for `run.transition`; null otherwise. */
  transitionAt: number | null;
  /** Why the run failed, was cancelled, or will fail once its group has ended. */
  error: string | null;
}

/** The lease of a stage: which process instance executes it, and since when. */
export interface Lease {
  instanceId: string;
  workerId: string;
  lockedAt: number;
}

/** The narrow part of a stage that rules need. */
export interface StageState {
  runId: string;
  stageId: string;
  /** 0 unless the stage is mapped over items. */
  item: number;
  name: string;
  /** 1-based position in the workflow. */
  number: number;
  group: number;
  status: Status;
  /** Tries so far. */
  attempt: number;
  maxAttempts: number;
  /** Names the execution under way, or the one that will be next: the fence of every write (P13). */
  executionId: string;
  lease: Lease | null;
  waitReason: WaitReason | null;
  /** When a worker may take it; null when it is not queued. */
  readyAt: number | null;
  /** When it is polled next; null when it is not polled. */
  pollAt: number | null;
  pollIntervalMs: number | null;
  maxWaitUntil: number | null;
  /** Polls that threw in a row. */
  pollFailures: number;
  startedAt: number | null;
  completedAt: number | null;
  error: string | null;
}

/** What a rule may set on a stage row's payloads: text sets, null clears, undefined leaves as is. */
export interface StagePayloads {
  output?: JsonText | null;
  state?: JsonText | null;
  resume?: JsonText | null;
  metrics?: JsonText | null;
  embeddings?: JsonText | null;
  /** Last progress told, as `{ progress, message }`. */
  progress?: JsonText | null;
}

/** What a rule sees. The same snapshot, the same answer: no clock, no randomness (P4). */
export interface Snapshot {
  run: RunState | null;
  /** The stage the unit names; null when it has none or there is no such row. */
  stage: StageState | null;
  /** An id nobody else has, new for each call. */
  freshId: string;
  /** Run input and parsed config; only for runs picked by `claimRuns`. */
  payloads?: RunPayloads;
  /** Every stage of the run; only after `need: "stages"`. */
  stages?: StageState[];
  /** Outputs of the open group's COMPLETED stages by stage id; only after `need: "outputs"`. */
  outputs?: Record<string, JsonText>;
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
  endOpen?: "CANCELLED" | "SKIPPED";
  /** Deletes the stages of this group and of every later one. */
  dropFrom?: number;
  stages?: StageChange[];
  open?: StageState[];
  run?: Partial<Omit<RunState, "id" | "workflowId" | "version" | "createdAt">> & {
    /** Text sets, null clears. */
    output?: JsonText | null;
  };
  logs?: LogRow[];
  artifacts?: ArtifactRow[];
  events?: DraftEvent[];
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
  /** once: key, effect and result in this commit · hold: taken now, under `owner` · settle: the held key is completed now. */
  mode: "once" | "hold" | "settle";
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
  decide: Decide<R>;
}

/** A process that executes stages: `id` is new at every start, `workerId` its label. */
export interface Instance {
  id: string;
  workerId: string;
}

/** Names one execution of one stage. */
export interface ExecutionRef {
  runId: string;
  stageId: string;
  item: number;
  executionId: string;
}

/** What every stage of a run reads; one object for all jobs of a run taken together. */
export interface RunPayloads {
  input: JsonText;
  config: JsonText;
  /** Outputs of COMPLETED stages by stage id. */
  outputs: Record<string, JsonText>;
  /** Groups of those stages, so that a stage sees earlier groups only. */
  groups: Record<string, number>;
}

/** An execution leased to this process. */
export interface Job extends ExecutionRef {
  workflowId: string;
  group: number;
  number: number;
  priority: number;
  attempt: number;
  maxAttempts: number;
  startedAt: number;
  payloads: RunPayloads;
  /** What the stage left when it suspended; null on a first execution. */
  resume: JsonText | null;
}

/** A suspended stage whose poll is due, held by this process for a while. */
export interface Poll extends ExecutionRef {
  workflowId: string;
  group: number;
  number: number;
  attempt: number;
  state: JsonText;
  config: JsonText;
  pollIntervalMs: number;
  maxWaitUntil: number | null;
  pollFailures: number;
  startedAt: number | null;
}

/** One event as a flusher gets it, sequenced. */
export interface StoredEvent {
  /** Stable across redeliveries. */
  id: string;
  runId: string;
  sequence: number;
  occurredAt: number;
  type: string;
  /** The event's own fields as stored. */
  fields: Record<string, unknown>;
}

/** An event that one consumer still has to get, or will never get. */
export interface Delivery {
  consumer: string;
  event: StoredEvent;
  tries: number;
  /** When it is tried next; null waits behind an earlier one of the same run and consumer. */
  nextAt: number | null;
  deadAt: number | null;
  error: string | null;
}

/** What one flusher may publish now. Null tokens mean that somebody else is at it. */
export interface EventBatch {
  token: string;
  /** Unpublished events, in order per run. */
  fresh: StoredEvent[];
  /** Deliveries that failed before and are not dead, of the runs in `fresh` and of those that are due. */
  pending: Delivery[];
}

/** What became of a batch. */
export interface EventReport {
  token: string;
  published: StoredEvent[];
  /** Deliveries to keep: new ones, and old ones with new tries. */
  failed: Delivery[];
  /** Deliveries that succeeded. */
  delivered: Delivery[];
}

/** What changed in a commit of this process, or may have changed in one of another. */
export interface StoreSignal {
  /** There may be runs to claim or stages to take. */
  hasWork: boolean;
  /** There may be events to publish. */
  hasEvents: boolean;
  /** Somebody may have lost a lease or a run: check what is held. */
  mayHaveLost: boolean;
  /** The earliest wait begun in this commit, in milliseconds since the epoch. */
  wakeAt: number | null;
  /** Runs that ended; null when that is not known. */
  ended: readonly string[] | null;
}

/** How long things are kept, as instants before which they go. Null keeps. */
export interface SweepLimits {
  publishedBefore: number;
  deadBefore: number;
  keysBefore: number;
  endedRunsBefore: number | null;
  /** Rows a pass deletes at most, of each kind. */
  max: number;
}

/** What a sweep removed, and which blobs nobody names any more. */
export interface SweepResult {
  events: number;
  keys: number;
  runs: string[];
  orphans: ExecutionRef[];
}

/** The engine's store. Every method is one transaction; those that name an instance or a token are fenced by it. */
export interface RunStore {
  /** True when opened stages may be handed to the process that commits; else every stage goes through the queue. */
  readonly handsOver: boolean;
  /** The one door: locks and loads the run, decides, writes, commits (P4). */
  transact<R>(unit: Unit<R>): Promise<R>;
  /** Picks due PENDING runs, most urgent first, that nobody else is picking, and decides on each (P3). */
  claimRuns<R>(options: { max: number; workflowIds: readonly string[] }, decide: Decide<R>): Promise<R[]>;
  /** Leases due stages, most urgent first: attempt + 1, RUNNING, stage:started. Waits for no lock. */
  takeJobs(options: { instance: Instance; max: number; workflowIds: readonly string[] }): Promise<Job[]>;
  /** Takes suspended stages whose poll is due, each for `holdMs`, under a new execution id (P10). */
  takePolls(options: { max: number; holdMs: number; workflowIds: readonly string[] }): Promise<Poll[]>;
  /** What the stages of a run read; null when there is no such run. */
  loadPayloads(runId: string): Promise<RunPayloads | null>;
  /** What a suspended stage left for its resumption. */
  loadResume(ref: { runId: string; stageId: string; item: number }): Promise<JsonText | null>;
  /** Workflow ids of runs and stages that wait for a worker. */
  listQueuedWorkflowIds(): Promise<string[]>;
  heartbeat(instance: Instance): Promise<void>;
  /** Says that an instance is gone, so that nothing waits for its lease to end. */
  forget(instance: Instance): Promise<void>;
  /** Executions whose lease is older than `thresholdMs` and whose instance has not been heard of since. */
  listStale(thresholdMs: number, max: number): Promise<ExecutionRef[]>;
  /** Of these executions, the ones that are no longer RUNNING under this id. */
  listLost(held: readonly ExecutionRef[]): Promise<ExecutionRef[]>;
  /** Executions the database gives to this instance. */
  listLeased(instance: Instance): Promise<ExecutionRef[]>;
  /** Runs that nothing will move: their group ended before `before` and nobody opened the next (P17). */
  listStranded(before: number, max: number): Promise<string[]>;
  /** The next instant at which waiting work becomes due; null when nothing waits. */
  nextWakeAt(): Promise<number | null>;
  /** Null when another flusher holds the outbox. */
  takeEvents(options: { max: number; leaseMs: number }): Promise<EventBatch | null>;
  /** Ends a batch; refused (false) when the token's lease went to somebody else. */
  settleEvents(report: EventReport): Promise<boolean>;
  replayDeadLetters(max: number): Promise<number>;
  sweep(limits: SweepLimits): Promise<SweepResult>;
  /** Calls `listener` after each commit of this process, and when another's is noticed; the answer unsubscribes. */
  onSignal(listener: (signal: StoreSignal) => void): () => void;
  close(): Promise<void>;
}

/** A persistence and a transport that know the native store behind them. */
export interface HasRunStore {
  readonly runStore: RunStore;
}
