// The one port behind which the batch APIs of OpenAI, Anthropic and Google stand: submit, look, read, cancel. A handle is plain data,
// so it may be stored and used by another process.
import type { z } from "zod";
import type { BatchProviderName } from "../../models/batch-models.ts";
import type { Prompt } from "../prompt.ts";

/** One request of a batch. */
export interface BatchRequest {
  /** Comes back with its result; default none. */
  customId?: string | undefined;
  /** The provider's own id of the model. */
  model: string;
  /** Files as base64 text, bytes or a data URL: providers fetch no links. */
  prompt: Prompt;
  system?: string | undefined;
  /** Asks for JSON of this shape by the provider's own parameter. */
  schema?: z.ZodType | undefined;
  /** Longest answer in tokens; the provider's default when absent (Anthropic has none and gets 4,096). */
  maxTokens?: number | undefined;
  temperature?: number | undefined;
}

/** How a batch is submitted. */
export interface BatchSubmitOptions {
  /** Shown by Google; default "workflow-engine". */
  displayName?: string | undefined;
  /** OpenAI's; default "24h", the only one it has. */
  completionWindow?: "24h" | undefined;
  /** Kept in the handle, and by OpenAI. */
  metadata?: Record<string, string> | undefined;
}

/** A submitted batch. Plain data but for `createdAt`, which may come back as text. */
export interface BatchHandle {
  /** The provider's id; several, joined by commas, where one batch had to be split. */
  id: string;
  provider: BatchProviderName;
  requestCount: number;
  createdAt: Date;
  metadata?: Record<string, unknown> | undefined;
}

/** Where a batch stands. */
export type BatchState = "pending" | "processing" | "completed" | "failed" | "cancelled";

/** A look at a batch. An expired one is completed when it has results, failed when it has none. */
export interface BatchStatus {
  state: BatchState;
  /** Requests that have ended, well or not. */
  processedCount: number;
  totalCount: number;
  succeededCount?: number | undefined;
  failedCount?: number | undefined;
  error?: string | undefined;
  /** True when the provider's time limit ended it. */
  isExpired?: boolean | undefined;
}

/** One result. Without `error`, `text` is the whole answer. */
export interface BatchResult {
  /** Position of its request, counted from 0. */
  index: number;
  customId?: string | undefined;
  text: string;
  inputTokens: number;
  outputTokens: number;
  /** Of the input tokens, those read from the provider's cache. */
  cachedInputTokens?: number | undefined;
  /** Of the output tokens, those spent on reasoning. */
  reasoningTokens?: number | undefined;
  error?: string | undefined;
}

/** Hears of what a provider did that is odd but not wrong, e.g. a line of results that is no JSON. */
export interface BatchLogger {
  log(level: "DEBUG" | "INFO" | "WARN" | "ERROR", message: string, meta?: Record<string, unknown>): void;
}

/** A provider's batches. */
export interface BatchProvider {
  readonly name: BatchProviderName;
  /** Throws INVALID_INPUT for an empty batch; the provider's own error otherwise. */
  submit(requests: readonly BatchRequest[], options?: BatchSubmitOptions): Promise<BatchHandle>;
  checkStatus(handle: BatchHandle): Promise<BatchStatus>;
  /** One result for each request, in their order; one that the provider did not give says so in `error`. */
  getResults(handle: BatchHandle): Promise<BatchResult[]>;
  /** Asks the provider to stop; what has ended by then keeps its result. */
  cancel(handle: BatchHandle): Promise<void>;
}

/** How a provider is reached. */
export interface BatchProviderOptions {
  /** Default: the provider's environment variable. */
  apiKey?: string | undefined;
  /** Default: the provider's own address, or its SDK's environment variable. */
  baseURL?: string | undefined;
}
