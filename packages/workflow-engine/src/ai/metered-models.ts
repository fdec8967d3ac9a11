// Models of the AI SDK whose every request is on the ledger: the steps of a tool loop, the chunks of an embedding, and each retry.
import type {
  EmbeddingModelV4,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
  LanguageModelV4Usage,
  SharedV4ProviderMetadata,
} from "@ai-sdk/provider";
import { type MeterContext, type MeteredCall, type OpenedCall, type ReportedUsage, request } from "./call-meter.ts";
import { loadSdk } from "./load-sdk.ts";
import { embeddingBounds, languageBounds } from "./request-bounds.ts";

/** Wraps a language model so that each request of `call` is metered. */
export async function meteredLanguageModel(inner: unknown, context: MeterContext, call: MeteredCall): Promise<LanguageModelV4> {
  const { wrapLanguageModel } = await loadSdk();
  return wrapLanguageModel({
    model: inner as LanguageModelV4,
    middleware: {
      specificationVersion: "v4",
      wrapGenerate: ({ doGenerate, params }) =>
        request(context, call, languageBounds(params, call.model), (opened) => generate(opened, doGenerate)),
      wrapStream: ({ doStream, params }) => stream(context, call, params, doStream),
    },
  });
}

/** Wraps an embedding model so that each request of `call` is metered. */
export async function meteredEmbeddingModel(inner: unknown, context: MeterContext, call: MeteredCall): Promise<EmbeddingModelV4> {
  const { wrapEmbeddingModel } = await loadSdk();
  return wrapEmbeddingModel({
    model: inner as EmbeddingModelV4,
    middleware: {
      specificationVersion: "v4",
      wrapEmbed: ({ doEmbed, params }) =>
        request(context, call, embeddingBounds(params.values), async (opened) => {
          const result = await doEmbed();
          const inputTokens = result.usage?.tokens ?? statedTokens(result.response?.body);
          const usage = inputTokens === undefined ? null : { inputTokens, outputTokens: 0 };
          const response = `${result.embeddings.length} embeddings of ${result.embeddings[0]?.length ?? 0}`;
          await opened.end({ status: "ok", response, usage });
          return result;
        }),
    },
  });
}

async function generate(
  opened: OpenedCall,
  doGenerate: () => PromiseLike<LanguageModelV4GenerateResult>,
): Promise<LanguageModelV4GenerateResult> {
  const result = await doGenerate();
  await opened.end({ status: "ok", response: answerText(result.content), usage: usageOf(result.usage, result.providerMetadata) });
  return result;
}

/** A failure before the first part is retried like any other; after it the answer has begun, and its end is the call's. */
function stream(
  context: MeterContext,
  call: MeteredCall,
  params: LanguageModelV4CallOptions,
  doStream: () => PromiseLike<LanguageModelV4StreamResult>,
): Promise<LanguageModelV4StreamResult> {
  return request(context, call, languageBounds(params, call.model), async (opened) => {
    const result = await doStream();
    return { ...result, stream: meteredStream(result.stream, opened) };
  });
}

/** Reads the provider's stream to its end, whether anybody reads ours or not, so that the call is closed with what it used. */
function meteredStream(source: ReadableStream<LanguageModelV4StreamPart>, opened: OpenedCall): ReadableStream<LanguageModelV4StreamPart> {
  const reader = source.getReader();
  let text = "";
  let usage: ReportedUsage | null = null;
  let failed: unknown;
  const note = (part: LanguageModelV4StreamPart): void => {
    if (part.type === "text-delta") text += part.delta;
    else if (part.type === "finish") usage = usageOf(part.usage, part.providerMetadata);
    else if (part.type === "error") failed = part.error;
  };
  const pump = async (controller: ReadableStreamDefaultController<LanguageModelV4StreamPart>): Promise<void> => {
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        note(value);
        controller.enqueue(value);
      }
      if (failed === undefined || usage) await opened.end({ status: failed === undefined ? "ok" : "failed", response: text, usage });
      else await opened.fail(failed);
      controller.close();
    } catch (error) {
      await opened.fail(error);
      controller.error(error);
    }
  };
  return new ReadableStream<LanguageModelV4StreamPart>({
    start: (controller) => void pump(controller),
    cancel: async (reason) => {
      await reader.cancel(reason).catch(() => undefined);
    },
  });
}

/** An answer as the ledger keeps it: its text, or what the model wants done. */
function answerText(content: readonly LanguageModelV4Content[]): string {
  const text = content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const calls = content.filter((part) => part.type === "tool-call");
  return calls.length === 0 ? text : JSON.stringify({ text, toolCalls: calls });
}

/** Tokens as the ledger counts them; null when the provider did not say. */
function usageOf(usage: LanguageModelV4Usage, metadata: SharedV4ProviderMetadata | undefined): ReportedUsage | null {
  const { inputTokens, outputTokens } = usage;
  if (inputTokens.total === undefined || outputTokens.total === undefined) return null;
  return {
    inputTokens: inputTokens.total,
    outputTokens: outputTokens.total,
    cachedInputTokens: inputTokens.cacheRead,
    cacheWriteTokens: inputTokens.cacheWrite,
    reasoningTokens: outputTokens.reasoning,
    costPico: statedCost(metadata),
  };
}

/** OpenRouter says what a call cost, in dollars (openrouter.ai/docs/use-cases/usage-accounting). */
function statedCost(metadata: SharedV4ProviderMetadata | undefined): bigint | undefined {
  const stated = metadata?.["openrouter"]?.["usage"];
  const cost = typeof stated === "object" && stated !== null && "cost" in stated ? stated.cost : undefined;
  return typeof cost === "number" && Number.isFinite(cost) ? BigInt(Math.round(cost * 1e12)) : undefined;
}

/** Google's SDK leaves out what its API says of an embedding (ai.google.dev/api/embeddings, `usageMetadata`). */
function statedTokens(body: unknown): number | undefined {
  const metadata = typeof body === "object" && body !== null && "usageMetadata" in body ? body.usageMetadata : undefined;
  const count = typeof metadata === "object" && metadata !== null && "promptTokenCount" in metadata ? metadata.promptTokenCount : undefined;
  return typeof count === "number" ? count : undefined;
}
