// What a stage may answer: a result, a suspension, the answer of a poll, and the metrics the kernel derives from them.
// A suspension's state is stored as it is, so a credential in it is refused here (CREDENTIAL_IN_STATE).

import { WorkflowEngineError } from "../errors.ts";

/** Metrics of one stage execution, times in milliseconds since the epoch, with the stage's own metrics beside the known ones. */
export interface StageMetrics {
  startTime: number;
  endTime: number;
  duration: number;
  itemsProcessed?: number | undefined;
  itemsProduced?: number | undefined;
  aiCalls?: number | undefined;
  totalTokens?: number | undefined;
  totalCost?: number | undefined;
  [customMetric: string]: unknown;
}

/** What `execute` returns when the stage is done. */
export interface SimpleStageResult<TOutput = unknown> {
  output: TOutput;
  customMetrics?: Record<string, unknown> | undefined;
  artifacts?: Record<string, unknown> | undefined;
  suspended?: false | undefined;
}

/** What the kernel records of a finished stage: the parsed output with the metrics it measured. */
export interface StageResult<TOutput = unknown> {
  output: TOutput;
  metrics: StageMetrics;
  artifacts?: Record<string, unknown> | undefined;
}

/** State a stage left when it suspended, as read back from the store: plain JSON, handed to `checkCompletion` and, on resume, to `execute`. */
export interface SuspendedState {
  batchId: string;
  statusUrl?: string | undefined;
  /** ISO 8601 text. */
  submittedAt?: string | undefined;
  /** Milliseconds; `pollConfig` wins over it. */
  pollInterval?: number | undefined;
  /** Milliseconds; `pollConfig` wins over it. */
  maxWaitTime?: number | undefined;
  metadata?: Record<string, unknown> | undefined;
  /** A credential does not belong into a state: it would be stored. */
  apiKey?: never;
}

/** State as a stage writes it: like the stored one, where `submittedAt` may still be a Date. */
export type SuspendedStateInput = Omit<SuspendedState, "submittedAt"> & { submittedAt?: string | Date | undefined };

/** When a suspended stage is looked at: milliseconds, 30 s and 24 h when absent; `nextPollAt` sets the first look. */
export interface PollConfig {
  pollInterval?: number | undefined;
  maxWaitTime?: number | undefined;
  nextPollAt?: Date | undefined;
}

/** What `execute` of an async-batch stage returns to wait for something outside. */
export interface SuspendedStageResult {
  suspended: true;
  state: SuspendedStateInput;
  pollConfig?: PollConfig | undefined;
  customMetrics?: Record<string, unknown> | undefined;
}

/** Everything `execute` may return. */
export type StageOutcome<TOutput = unknown> = SimpleStageResult<TOutput> | SuspendedStageResult;

/** What `checkCompletion` answers: `error` wins over `ready`; ready without output runs `execute` again with `ctx.resumeState`. */
export interface CompletionResult<TOutput = unknown> {
  ready: boolean;
  output?: TOutput | undefined;
  error?: string | undefined;
  /** Milliseconds until the next look; the poll interval when absent. */
  nextCheckIn?: number | undefined;
  metrics?: Record<string, unknown> | undefined;
  embeddings?: unknown;
}

/** Tells a suspension from a result. */
export function isSuspendedResult(outcome: StageOutcome): outcome is SuspendedStageResult {
  return outcome.suspended === true;
}

const CREDENTIAL_KEYS = new Set(["apikey", "api_key", "api-key"]);

/** Throws CREDENTIAL_IN_STATE, naming stage and field but never the value, when a state or its metadata carries an API key. */
export function assertNoCredential(stageId: string, state: object): void {
  const metadata = "metadata" in state && typeof state.metadata === "object" && state.metadata !== null ? state.metadata : {};
  const fields = [...Object.keys(state).map((key) => [key, key]), ...Object.keys(metadata).map((key) => [key, `metadata.${key}`])];
  const found = fields.find(([key]) => CREDENTIAL_KEYS.has(key!.toLowerCase()));
  if (found) {
    throw new WorkflowEngineError(
      "CREDENTIAL_IN_STATE",
      `Stage "${stageId}" put a credential ("${found[1]}") into its suspended state, which would be stored. Leave it out and read it from the environment when polling.`,
    );
  }
}
