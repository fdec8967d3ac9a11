// What `ai.batch` takes and answers: requests with their schemas, results that are a value or an error, and the way a stage hands a batch
// to the engine.
import type { z } from "zod";
import type { CompletionResult, SuspendedStageResult, SuspendedState } from "../../define/outcome.ts";
import type { Prompt } from "../prompt.ts";
import type { BatchHandle, BatchStatus, BatchSubmitOptions } from "./batch-provider.ts";

/** One request of `ai.batch`. */
export interface AIBatchRequest<S extends z.ZodType = z.ZodType> {
  /** Names its result; unique in the batch. */
  id: string;
  prompt: Prompt;
  /** What the answer must be; text when absent. */
  schema?: S | undefined;
  system?: string | undefined;
  /** Longest answer in tokens; the stage's config when absent. */
  maxTokens?: number | undefined;
  /** The stage's config, or the provider's default, when absent. */
  temperature?: number | undefined;
}

/** The value that the result of a request holds. */
export type BatchValueOf<R> = R extends { schema: infer S extends z.ZodType } ? z.output<S> : string;

/** One result: a value that fits its schema, or an error; never something in between. */
export type AIBatchResult<T = unknown> = {
  id: string;
  index: number;
  /** The answer as it came. */
  text: string;
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens?: number | undefined;
  reasoningTokens?: number | undefined;
} & ({ status: "succeeded"; value: T } | { status: "failed"; error: string });

/** How long a stage waits for a batch. Milliseconds. */
export interface BatchRunOptions extends Pick<BatchSubmitOptions, "displayName"> {
  /** Tells batches of one stage apart; default "batch". */
  name?: string | undefined;
  /** Default 60 s. */
  pollInterval?: number | undefined;
  /** When it is over the batch is cancelled, and what was done by then is kept; default 26 h, with Google 50 h. */
  maxWaitTime?: number | undefined;
}

/** A batch handed to the engine: a suspension to return, or its results. */
export type BatchRun<T> = SuspendedStageResult | { suspended: false; results: Array<AIBatchResult<T>> };

/** Batches of one model at one provider. */
export interface AIBatch {
  /**
   * Submits a batch and waits for its results, for days if need be, without holding a worker. Answers a suspension, which `execute` returns;
   * when the batch has ended `execute` is called again, and the same line answers the results. Throws NOT_CONFIGURED outside an async-batch stage.
   */
  run<const R extends AIBatchRequest>(requests: readonly R[], options?: BatchRunOptions): Promise<BatchRun<BatchValueOf<R>>>;
  /** Looks at a batch that `run` left, for a `checkCompletion` of one's own. */
  check(state: SuspendedState): Promise<CompletionResult<never>>;
  /** Submits a batch that the caller waits for: `run` does that by itself, and survives a crash. */
  submit(requests: readonly AIBatchRequest[], options?: BatchSubmitOptions): Promise<BatchHandle>;
  getStatus(id: string): Promise<BatchStatus>;
  /**
   * Reads the results of an ended batch; `metadata` is that of its handle. Requests that this helper has not submitted itself are known
   * by `metadata.requests`, if their results are to be checked by their schemas.
   */
  getResults(id: string, metadata?: Record<string, unknown>): Promise<AIBatchResult[]>;
  cancel(id: string): Promise<void>;
  /** True when the results of this batch are in the ledger. */
  isRecorded(id: string): Promise<boolean>;
  /** Records the results of a batch in the ledger, at the price of batches, once; later calls change nothing. */
  recordResults(id: string, results: readonly AIBatchResult[]): Promise<void>;
}
