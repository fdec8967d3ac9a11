// The events of the engine: what happened to a run, told once in the transaction that made it so (P18).

/** Fields of each event, by its type; every event also carries `type`, `timestamp` and `workflowRunId`. */
export interface EventFields {
  "workflow:created": { workflowId: string };
  "workflow:started": object;
  "workflow:completed": { duration?: number; totalCost?: number; totalTokens?: number; output?: unknown };
  "workflow:failed": { error: string };
  "workflow:cancelled": { reason?: string };
  "workflow:suspended": { stageId: string };
  /** Ours: the run was opened again from this stage. */
  "workflow:rerun": { fromStageId: string };
  "stage:started": { stageId: string; stageName: string; stageNumber: number };
  "stage:completed": { stageId: string; stageName: string; duration: number };
  "stage:suspended": { stageId: string; stageName: string; nextPollAt: Date };
  "stage:failed": { stageId: string; stageName: string; error: string };
  /** Ours: an attempt failed and another will follow at `retryAt`. */
  "stage:retrying": { stageId: string; stageName: string; attempt: number; error: string; retryAt: Date };
  /** Ours: a model call did not fit into a budget, so it was not made and the stage waits. Amounts are US dollars and tokens. */
  "stage:held": {
    stageId: string;
    stageName: string;
    scope: "run" | "stage";
    trippedBy: "usd" | "tokens";
    limit: number;
    spent: number;
    needed: number;
  };
  /** Ours: a budget was raised to these limits. */
  "budget:raised": { stageId?: string; usd?: number; tokens?: number };
  "stage:progress": { stageId: string; progress: number; message: string; details?: Record<string, unknown> };
}

/** Name of an event. */
export type EventType = keyof EventFields;

/** What every delivered event carries beside its own fields. */
export interface EventEnvelope {
  timestamp: Date;
  workflowRunId: string;
  /** On every delivered event, and the same at each delivery of it, so that a consumer can tell a redelivery (P18). */
  eventId?: string;
}

/** An event as consumers read it; a Date is a Date whatever stored it. */
export type KernelEvent = { [T in EventType]: { type: T } & EventEnvelope & EventFields[T] }[EventType];

/** An event of one type. */
export type EventOf<T extends EventType> = { type: T } & EventEnvelope & EventFields[T];

/** An event as a rule writes it: instants are milliseconds, and the store adds run and time. */
export interface DraftEvent {
  type: EventType;
  [field: string]: unknown;
}

/** The fields that hold instants, by name, so that any reader can make Dates of them again. */
export const instantFields: readonly string[] = ["nextPollAt", "retryAt"];
