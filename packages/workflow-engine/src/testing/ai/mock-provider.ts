// A provider without a provider: models that answer from a script, with usage, latency in virtual time and errors, behind the real AI
// SDK and on the real ledger. Only HTTP is missing; for that there is the protocol server.
import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from "@ai-sdk/provider";
import type { ProviderResolver } from "../../ai/helper-types.ts";
import type { ModelConfig } from "../../models/index.ts";
import type { Environment } from "../../ports/environment.ts";
import { vectorOf } from "../providers/protocol.ts";

/** A call as a script sees it. */
export interface MockRequest {
  modelKey: string;
  /** The last text of the user, or the texts to embed, a line each. */
  prompt: string;
  /** Of the system, when there is one. */
  system: string;
  /** The JSON schema the answer must meet. */
  schema: unknown;
  isStream: boolean;
  maxTokens: number | undefined;
  temperature: number | undefined;
  /** Counts the calls of this provider from 1. */
  index: number;
}

/** What a script answers; tokens default to a quarter of the characters. */
export interface MockAnswer {
  text?: string | undefined;
  /** Becomes the text as JSON. */
  object?: unknown;
  toolCalls?: ReadonlyArray<{ id: string; name: string; args: unknown }> | undefined;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cachedInputTokens?: number | undefined;
  reasoningTokens?: number | undefined;
  /** Milliseconds of the environment's time. */
  latencyMs?: number | undefined;
  /** Thrown instead; `status` makes it a provider's refusal, which is retried when it is 408, 409, 429 or 5xx. */
  error?: string | Error | { status: number; message?: string | undefined; retryAfterMs?: number | undefined } | undefined;
}

/** A script: a function, or a list whose answers are given in order and whose last one is repeated. */
export type MockScript =
  | ((request: MockRequest) => MockAnswer | string | Promise<MockAnswer | string>)
  | ReadonlyArray<MockAnswer | string>;

/** A resolver whose models answer from a script, and what they were asked. */
export interface MockProvider {
  readonly resolver: ProviderResolver;
  readonly requests: readonly MockRequest[];
  /** What was charged for, in order: what a real provider would have billed. */
  readonly billed: ReadonlyArray<{ modelKey: string; inputTokens: number; outputTokens: number; cachedInputTokens: number }>;
}

/** Creates a provider for tests; pass its resolver to `createKernel`, `createTestKernel` or `createAIHelper`. */
export function createMockProvider(
  script: MockScript = (request) => `You said: ${request.prompt}`,
  environment?: Environment,
): MockProvider {
  const stage = new MockStage(script, environment);
  return {
    resolver: (model, kind) => (kind === "language" ? stage.languageModel(model) : stage.embeddingModel(model)),
    requests: stage.requests,
    billed: stage.billed,
  };
}

type Keyed = ModelConfig & { key: string };
type Played = Omit<MockAnswer, "inputTokens" | "outputTokens" | "text"> & { inputTokens: number; outputTokens: number; text: string };

class MockStage {
  readonly requests: MockRequest[] = [];
  readonly billed: Array<{ modelKey: string; inputTokens: number; outputTokens: number; cachedInputTokens: number }> = [];
  readonly #script: MockScript;
  readonly #environment: Environment | undefined;

  constructor(script: MockScript, environment: Environment | undefined) {
    this.#script = script;
    this.#environment = environment;
  }

  languageModel(model: Keyed): LanguageModelV4 {
    return {
      ...{ specificationVersion: "v4", provider: model.provider, modelId: model.id, supportedUrls: {} },
      doGenerate: async (options) => generateResult(await this.#play(requestOf(model.key, options, false), options.abortSignal)),
      doStream: async (options) => {
        const played = await this.#play(requestOf(model.key, options, true), options.abortSignal);
        return { stream: streamOf(generateResult(played)) };
      },
    };
  }

  embeddingModel(model: Keyed): EmbeddingModelV4 {
    return {
      ...{
        specificationVersion: "v4",
        provider: model.provider,
        modelId: model.id,
        maxEmbeddingsPerCall: 100,
        supportsParallelCalls: true,
      },
      doEmbed: async ({ values, dimensions, abortSignal }) => {
        const asked = { modelKey: model.key, prompt: values.join("\n"), system: "", schema: undefined, isStream: false };
        const played = await this.#play({ ...asked, maxTokens: undefined, temperature: undefined }, abortSignal);
        const embeddings = values.map((value) => vectorOf(value, dimensions ?? 8));
        return { embeddings, usage: { tokens: played.inputTokens }, warnings: [] };
      },
    };
  }

  async #play(asked: Omit<MockRequest, "index">, signal: AbortSignal | undefined): Promise<Played> {
    const request = { ...asked, index: this.requests.length + 1 };
    this.requests.push(request);
    const given =
      typeof this.#script === "function" ? await this.#script(request) : (this.#script[request.index - 1] ?? this.#script.at(-1) ?? "");
    const answer: MockAnswer = typeof given === "string" ? { text: given } : given;
    const text = answer.object === undefined ? (answer.text ?? "") : JSON.stringify(answer.object);
    const { inputTokens = quarter(request.prompt), outputTokens = quarter(text), cachedInputTokens = 0 } = answer;
    const isRefusal = answer.error !== undefined;
    if (!isRefusal) this.billed.push({ modelKey: request.modelKey, inputTokens, outputTokens, cachedInputTokens });
    if (answer.latencyMs !== undefined) await this.#wait(answer.latencyMs, signal);
    if (answer.error !== undefined) throw await errorOf(answer.error);
    signal?.throwIfAborted();
    return { ...answer, text, inputTokens, outputTokens };
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const environment = this.#environment;
    if (!environment) throw new Error("A latency needs an environment: createMockProvider(script, environment)");
    return new Promise((resolve, reject) => {
      const cancel = environment.setTimer(ms, resolve);
      signal?.addEventListener("abort", () => {
        cancel();
        reject(signal.reason);
      });
    });
  }
}

function quarter(text: string): number {
  return Math.ceil(text.length / 4);
}

function requestOf(modelKey: string, options: LanguageModelV4CallOptions, isStream: boolean): Omit<MockRequest, "index"> {
  const { prompt, responseFormat, maxOutputTokens, temperature } = options;
  const texts = prompt.flatMap(({ role, content }) => {
    if (role !== "user") return [];
    return content.flatMap((part) => (part.type === "text" ? [part.text] : []));
  });
  const [first] = prompt;
  return {
    ...{ modelKey, isStream, temperature, maxTokens: maxOutputTokens, prompt: texts.at(-1) ?? "" },
    system: first?.role === "system" ? first.content : "",
    schema: responseFormat?.type === "json" ? responseFormat.schema : undefined,
  };
}

async function errorOf(error: NonNullable<MockAnswer["error"]>): Promise<Error> {
  if (typeof error === "string") return new Error(error);
  if (error instanceof Error) return error;
  const { APICallError } = await import("@ai-sdk/provider");
  const { status, message = `refused with ${status}`, retryAfterMs } = error;
  const responseHeaders = retryAfterMs === undefined ? {} : { "retry-after-ms": String(retryAfterMs) };
  const isRetryable = status === 408 || status === 409 || status === 429 || status >= 500;
  return new APICallError({ message, url: "mock:", requestBodyValues: {}, statusCode: status, responseHeaders, isRetryable });
}

function usageOf({ inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0 }: Played): LanguageModelV4Usage {
  return {
    inputTokens: { total: inputTokens, noCache: inputTokens - cachedInputTokens, cacheRead: cachedInputTokens, cacheWrite: 0 },
    outputTokens: { total: outputTokens, text: outputTokens - reasoningTokens, reasoning: reasoningTokens },
  };
}

function generateResult(played: Played): LanguageModelV4GenerateResult {
  const { text, toolCalls } = played;
  const calls = toolCalls?.map(({ id, name, args }): LanguageModelV4Content => {
    return { type: "tool-call", toolCallId: id, toolName: name, input: JSON.stringify(args) };
  });
  const unified = calls ? "tool-calls" : "stop";
  const content: LanguageModelV4Content[] = calls ?? [{ type: "text", text }];
  return { content, finishReason: { unified, raw: unified }, usage: usageOf(played), warnings: [] };
}

/** A result as a stream brings it. */
function streamOf({ content, usage, finishReason }: LanguageModelV4GenerateResult): ReadableStream<LanguageModelV4StreamPart> {
  const parts = content.flatMap((part, index): LanguageModelV4StreamPart[] => {
    const id = String(index);
    if (part.type === "text")
      return [
        { type: "text-start", id },
        { type: "text-delta", id, delta: part.text },
        { type: "text-end", id },
      ];
    return part.type === "tool-call" ? [part] : [];
  });
  const all: LanguageModelV4StreamPart[] = [{ type: "stream-start", warnings: [] }, ...parts, { type: "finish", usage, finishReason }];
  return streamOfParts(all);
}

/** A stream of parts that are all there. */
export function streamOfParts(parts: readonly LanguageModelV4StreamPart[]): ReadableStream<LanguageModelV4StreamPart> {
  return new ReadableStream({
    start: (controller) => {
      for (const part of parts) controller.enqueue(part);
      controller.close();
    },
  });
}
