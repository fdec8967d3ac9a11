// The narrow state of runs and stages that rules decide on, and the executions that stores hand out. Instants are milliseconds.
import type { Status, WaitReason } from "./status.ts";

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
