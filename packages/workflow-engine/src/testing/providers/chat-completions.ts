// Chat completions, the protocol that OpenRouter (openrouter.ai/docs/api-reference) and everything compatible with OpenAI speaks: Ollama,
// vLLM, LM Studio. OpenRouter adds what a call cost.
import { authorized, embeddingReply, parseEmbedding } from "./openai.ts";
import {
  type ModelRequest,
  type PlannedAnswer,
  type ProviderProtocol,
  pieces,
  type ReceivedRequest,
  type Reply,
  requireField,
  requireKnown,
  sse,
} from "./protocol.ts";

type Json = Readonly<Record<string, unknown>>;

const fields = [
  "model",
  "messages",
  "temperature",
  "top_p",
  "max_tokens",
  "tools",
  "tool_choice",
  "stream",
  "stream_options",
  "response_format",
];
const openRouterFields = [
  "usage",
  "include_reasoning",
  "reasoning",
  "plugins",
  "parallel_tool_calls",
  "user",
  "provider",
  "models",
  "logprobs",
];

/** OpenRouter's protocol, below /openrouter. It charges what `priceOf` says, in dollars. */
export function openRouterProtocol(priceOf: (answer: PlannedAnswer) => number = () => 0.001): ProviderProtocol {
  return chatProtocol("openrouter", "/openrouter", [...fields, ...openRouterFields], (answer) => ({ cost: priceOf(answer) }));
}

/** What is compatible with OpenAI, below /compatible. */
export const compatibleProtocol: ProviderProtocol = chatProtocol("compatible", "/compatible/v1", [...fields, "user"], () => ({}));

function chatProtocol(name: string, prefix: string, known: readonly string[], extra: (answer: PlannedAnswer) => Json): ProviderProtocol {
  return {
    name,
    parse: (request) => {
      if (request.path === `${prefix}/chat/completions`) return parseChat(request, name, known);
      return request.path === `${prefix}/embeddings` ? parseEmbedding(request, name) : null;
    },
    reply: (request, answer) => (request.kind === "embed" ? embeddingReply(request, answer) : chatReply(request, answer, extra(answer))),
    refusal: (status, message) => ({ error: { message, code: status, type: "error", param: null } }),
  };
}

function parseChat(received: ReceivedRequest, provider: string, known: readonly string[]): ModelRequest {
  const body = authorized(received);
  requireKnown(body, known, "chat.completions");
  const { model, messages, stream, max_tokens: maxTokens, temperature, response_format: format } = body;
  requireField(typeof model === "string" && model !== "", "chat.completions: model must be a text");
  requireField(Array.isArray(messages) && messages.length > 0, "chat.completions: messages must be a list");
  const texts = (messages as Json[]).flatMap(({ role, content }) => {
    requireField(["user", "system", "assistant", "tool"].includes(String(role)), `messages: unknown role "${String(role)}"`);
    if (typeof content === "string") return [content];
    return Array.isArray(content) ? content.flatMap((part: Json) => (typeof part["text"] === "string" ? [part["text"]] : [])) : [];
  });
  if (stream === true && provider === "compatible")
    requireField(hasUsage(body), "stream_options.include_usage must be set: nothing is counted otherwise");
  if (provider === "openrouter") requireField((body["usage"] as Json | undefined)?.["include"] === true, "usage.include must be set");
  const schema = (format as { json_schema?: { schema?: Json } } | undefined)?.json_schema?.schema ?? null;
  return {
    ...{ provider, kind: "text", model, texts, prompt: texts.at(-1) ?? "", isStream: stream === true, schema, received, dimensions: null },
    maxTokens: (maxTokens as number | undefined) ?? null,
    temperature: (temperature as number | undefined) ?? null,
  };
}

function hasUsage(body: Json): boolean {
  return (body["stream_options"] as Json | undefined)?.["include_usage"] === true;
}

function chatReply({ model, isStream }: ModelRequest, answer: PlannedAnswer, extra: Json): Reply {
  const usage = {
    prompt_tokens: answer.inputTokens,
    completion_tokens: answer.outputTokens,
    total_tokens: answer.inputTokens + answer.outputTokens,
    prompt_tokens_details: { cached_tokens: answer.cachedInputTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: answer.reasoningTokens ?? 0 },
    ...extra,
  };
  const calls = answer.toolCalls?.map(({ id, name, args }, index) => {
    return { index, id, type: "function", function: { name, arguments: JSON.stringify(args) } };
  });
  const message = { role: "assistant", content: calls ? null : answer.text, ...(calls && { tool_calls: calls }) };
  const finish = calls ? "tool_calls" : "stop";
  const head = { id: "gen-1", created: 1_760_000_000, model, provider: "Test" };
  if (!isStream) {
    return { status: 200, json: { ...head, object: "chat.completion", choices: [{ index: 0, message, finish_reason: finish }], usage } };
  }
  const chunk = (delta: Json, end: string | null): string =>
    sse({ ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta, finish_reason: end }] });
  const last = sse({ ...head, object: "chat.completion.chunk", choices: [], usage });
  const deltas = pieces(answer.text).map((content) => chunk({ role: "assistant", content }, null));
  return { status: 200, events: [...deltas, chunk({}, "stop"), last, sse("[DONE]")] };
}
