// What an AI helper takes and answers. The shapes of tools, stop conditions and raw results are those of Vercel's AI SDK 7, kept
// structural here so that a program without that package compiles.
import type { z } from "zod";
import type { CompletionResult, SuspendedState } from "../define/outcome.ts";
import type { BatchProviderName, ModelConfig, ModelKey } from "../models/index.ts";
import type { AICallInput, AICallStats, AICallType } from "../ports/ledger.ts";
import type { AIBatch } from "./batch/ai-batch-types.ts";
import type { ChunkedProvider } from "./batch/chunked-provider.ts";
import type { Prompt } from "./prompt.ts";

export type { ContentPart, Prompt } from "./prompt.ts";

/** Options of every call to a model. */
export interface CallOptions {
  /** Passed to the provider as they are, by provider name. */
  providerOptions?: Record<string, Record<string, unknown>> | undefined;
  /** Further tries after a rate limit, a server error or a lost connection; default 2, or the stage's config. */
  maxRetries?: number | undefined;
  /** Aborts the call, beside the stage's own signal. */
  abortSignal?: AbortSignal | undefined;
}

/** Options of a call that generates. */
export interface GenerateOptions extends CallOptions {
  /** 0 to 2; default 0.7, or the stage's config. */
  temperature?: number | undefined;
  /** Longest answer in tokens; the stage's config, or the model's own limit, when absent. */
  maxTokens?: number | undefined;
  /** What the model is told about itself. */
  system?: string | undefined;
}

/** Options of `generateText`. */
export interface TextOptions extends GenerateOptions {
  /** Tools of the AI SDK, by name. */
  tools?: Readonly<Record<string, unknown>> | undefined;
  toolChoice?: "auto" | "none" | "required" | { type: "tool"; toolName: string } | undefined;
  /** A stop condition of the AI SDK, or several; after the first step when absent. */
  stopWhen?: unknown;
  /** Called after each step with the AI SDK's step result. */
  // biome-ignore lint/suspicious/noExplicitAny: the step's type is the AI SDK's, which may not be installed
  onStepFinish?: ((step: any) => unknown) | undefined;
  /** An output specification of the AI SDK; what it parsed is the result's `output`. */
  output?: unknown;
}

/** Tokens of a call and its cost in US dollars; NaN when the model's price is not known. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cost: number;
}

/** Answer of `generateText`. */
export interface TextResult extends Usage {
  text: string;
  /** The model's reasoning, where it shows it. */
  reasoning?: string | undefined;
  /** With `options.output`: what was parsed. */
  output?: unknown;
  /** The AI SDK's own result. */
  rawResult: unknown;
}

/** Answer of `generateObject`. */
export interface ObjectResult<T> extends Usage {
  object: T;
}

/** Options of `embed`. */
export interface EmbedOptions extends CallOptions {
  /** What the embedding is for, e.g. `RETRIEVAL_DOCUMENT`; providers that know no such thing ignore it. */
  taskType?: string | undefined;
  /** Length of a vector; default 768. */
  dimensions?: number | undefined;
}

/** Answer of `embed`. */
export interface EmbedResult {
  /** The first vector. */
  embedding: number[];
  embeddings: number[][];
  dimensions: number;
  inputTokens: number;
  cost: number;
}

/** What `streamText` is asked: a prompt, or messages of the AI SDK. */
export type StreamInput = { system?: string | undefined } & ({ prompt: Prompt } | { messages: readonly unknown[] });

/** Answer of `streamText`. */
export interface StreamResult {
  /** The text as it comes. */
  stream: AsyncIterable<string>;
  /** Resolves when the stream has ended. */
  getUsage(): Promise<Usage>;
  /** The AI SDK's own result. */
  rawResult: unknown;
}

/** A call made past the helper, to be recorded. */
export interface RecordedCall {
  modelKey: ModelKey;
  callType?: AICallType | undefined;
  prompt: string;
  response: string;
  inputTokens: number;
  outputTokens: number;
  /** US dollars; computed from the model's prices when absent. */
  cost?: number | undefined;
  metadata?: Record<string, unknown> | undefined;
}

/** Makes a model of the AI SDK for a call, undefined to leave it to the built-in providers. */
export type ProviderResolver = (
  model: ModelConfig & { key: string },
  kind: "language" | "embedding",
  wanted?: { dimensions?: number | undefined },
) => unknown;

/** Where a helper's calls belong in the older interface: used to log beside the run. */
export interface LogContext {
  workflowRunId: string;
  stageRecordId: string;
  createLog?: ((entry: { level: string; message: string; metadata?: Record<string, unknown> | undefined }) => unknown) | undefined;
}

/** Calls models, and accounts for every call. A model key that is undefined means the stage's configured model, or the default one. */
export interface AIHelper {
  readonly topic: string;
  generateText(modelKey: ModelKey | undefined, prompt: Prompt, options?: TextOptions): Promise<TextResult>;
  generateObject<S extends z.ZodType>(
    modelKey: ModelKey | undefined,
    prompt: Prompt,
    schema: S,
    options?: GenerateOptions,
  ): Promise<ObjectResult<z.output<S>>>;
  embed(modelKey: ModelKey | undefined, text: string | readonly string[], options?: EmbedOptions): Promise<EmbedResult>;
  streamText(modelKey: ModelKey | undefined, input: StreamInput, options?: TextOptions): StreamResult;
  /** Batches of a model: at its own provider's, or at the one that is named or given. Throws NOT_CONFIGURED when none takes it. */
  batch(modelKey: ModelKey | undefined, provider?: BatchProviderName | ChunkedProvider): AIBatch;
  /** Looks at the batch that a stage suspended with: the `checkCompletion` of an async-batch stage that writes none. */
  checkBatch(state: SuspendedState): Promise<CompletionResult<never>>;
  /** A helper whose topic is below this one's: `{topic}.{segment}` or `{topic}.{segment}.{id}`. */
  createChild(segment: string, id?: string): AIHelper;
  /** Records a call that was made past the helper. */
  recordCall(call: RecordedCall): Promise<void>;
  recordCall(
    modelKey: ModelKey,
    prompt: string,
    response: string,
    tokens: { input: number; output: number },
    options?: { callType?: AICallType | undefined; metadata?: Record<string, unknown> | undefined },
  ): Promise<void>;
  /** Sums over every call of this topic and below it. */
  getStats(): Promise<AICallStats>;
}

/** What the older port is handed for a call. */
export type LoggedCall = AICallInput;
