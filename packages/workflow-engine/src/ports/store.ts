// The one door between rules and stores. A rule sees a Snapshot and answers Changes; the store locks, loads, calls the rule,
// writes everything in one commit.
import type { Decide, Unit } from "./changes.ts";
import type { EventBatch, EventReport } from "./delivery.ts";
import type { ExecutionRef, Instance, Job, JsonText, Poll, RunPayloads } from "./state.ts";

export type * from "./changes.ts";
export type * from "./delivery.ts";
export type * from "./state.ts";

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
  runs: Array<{ runId: string; workflowId: string }>;
  /** Executions that lost their stage: a blob they left is named by nobody. */
  orphans: Array<ExecutionRef & { workflowId: string }>;
}

/** The engine's store. Every method is one transaction; those that name an instance or a token are fenced by it. */
export interface RunStore {
  /** True when opened stages may be handed to the process that commits; else every stage goes through the queue. */
  readonly handsOver: boolean;
  /** False when flushers of other processes are not kept out while one is at it; true when absent. */
  readonly leasesOutbox?: boolean;
  /** True inside a transaction of the caller's: only what is awaited belongs to it, and nothing of it is known elsewhere before the commit. */
  readonly isJoined?: boolean;
  /** False when what is behind this store keeps no budgets. */
  readonly keepsBudgets: boolean;
  /** False when what is behind this store cannot delete a run. */
  readonly deletesRuns: boolean;
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
  /** Null when another flusher holds the outbox. A batch with nothing in it holds nothing and is not settled. */
  takeEvents(options: { max: number; leaseMs: number }): Promise<EventBatch | null>;
  /**
   * Publishes everything without reading it, for a kernel that has no consumers; answers how many events, or null when they have to be
   * taken one by one. A store may leave it out.
   */
  publishUnread?(): Promise<number | null>;
  /** Keeps the outbox for another `leaseMs`, while a slow consumer is at it; false when it went to somebody else. */
  renewEvents(token: string, leaseMs: number): Promise<boolean>;
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
