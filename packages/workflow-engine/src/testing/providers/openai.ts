// OpenAI's Responses API and embeddings (developers.openai.com/api/reference): what its SDK sends to /v1/responses and /v1/embeddings.
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
  vectorOf,
} from "./protocol.ts";

type Json = Readonly<Record<string, unknown>>;

const responseFields = ["model", "input", "temperature", "top_p", "max_output_tokens", "text", "tools", "tool_choice", "stream"];
const moreFields = [
  "store",
  "include",
  "reasoning",
  "instructions",
  "metadata",
  "parallel_tool_calls",
  "previous_response_id",
  "user",
  "truncation",
];

/** OpenAI's protocol. */
export const openaiProtocol: ProviderProtocol = {
  name: "openai",
  parse: (request) => {
    if (request.path === "/v1/responses") return parseResponse(request);
    if (request.path === "/v1/embeddings") return parseEmbedding(request, "openai");
    return null;
  },
  reply: (request, answer) => (request.kind === "embed" ? embeddingReply(request, answer) : responseReply(request, answer)),
  refusal: (status, message) => ({
    error: { message, type: status === 429 ? "rate_limit_error" : "server_error", param: null, code: null },
  }),
};

function parseResponse(received: ReceivedRequest): ModelRequest {
  const body = authorized(received);
  requireKnown(body, [...responseFields, ...moreFields], "responses.create");
  const { model, input, temperature, max_output_tokens: maxTokens, stream, text } = body;
  requireField(typeof model === "string" && model !== "", "responses.create: model must be a text");
  requireField(Array.isArray(input) && input.length > 0, "responses.create: input must be a list");
  if (maxTokens !== undefined)
    requireField(Number.isInteger(maxTokens) && (maxTokens as number) >= 16, "max_output_tokens must be at least 16");
  if (temperature !== undefined)
    requireField(typeof temperature === "number" && temperature >= 0 && temperature <= 2, "temperature is 0 to 2");
  const format = (text as { format?: Json } | undefined)?.format;
  const schema = format?.["type"] === "json_schema" ? format : null;
  if (schema)
    requireField(typeof schema["name"] === "string" && typeof schema["schema"] === "object", "text.format needs a name and a schema");
  const texts = (input as Json[]).flatMap((item) => textsOf(item));
  return {
    ...{ provider: "openai", kind: "text", model, texts, prompt: texts.at(-1) ?? "", isStream: stream === true, received },
    schema: (schema?.["schema"] as Json | undefined) ?? null,
    maxTokens: (maxTokens as number | undefined) ?? null,
    temperature: (temperature as number | undefined) ?? null,
    dimensions: null,
  };
}

function textsOf(item: Json): string[] {
  const { role, content, type } = item;
  if (type === "function_call_output") return [String(item["output"])];
  if (type === "function_call" || type === "item_reference" || type === "reasoning") return [];
  requireField(["user", "system", "developer", "assistant"].includes(String(role)), `input: unknown role "${String(role)}"`);
  if (typeof content === "string") return [content];
  requireField(Array.isArray(content), "input: content must be a text or a list");
  return content.flatMap((part: Json) => {
    const kinds = ["input_text", "input_image", "input_file", "output_text"];
    requireField(kinds.includes(String(part["type"])), `input: unknown part "${String(part["type"])}"`);
    return typeof part["text"] === "string" ? [part["text"]] : [];
  });
}

/** An embedding request, as OpenAI and those compatible with it take it. */
export function parseEmbedding(received: ReceivedRequest, provider: string): ModelRequest {
  const body = authorized(received);
  requireKnown(body, ["model", "input", "encoding_format", "dimensions", "user"], "embeddings.create");
  const { model, input, dimensions } = body;
  requireField(typeof model === "string" && model !== "", "embeddings.create: model must be a text");
  const texts = (Array.isArray(input) ? input : [input]) as string[];
  requireField(
    texts.length > 0 && texts.every((text) => typeof text === "string" && text !== ""),
    "embeddings.create: input must be texts",
  );
  if (dimensions !== undefined) requireField(Number.isInteger(dimensions), "embeddings.create: dimensions must be a whole number");
  const prompt = texts.join("\n");
  const none = { isStream: false, schema: null, maxTokens: null, temperature: null };
  return { provider, kind: "embed", model, texts, prompt, received, dimensions: (dimensions as number | undefined) ?? null, ...none };
}

/** The body of a request that carries a bearer token. */
export function authorized({ method, headers, body }: ReceivedRequest): Json {
  requireField(method === "POST", `method must be POST, got ${method}`);
  requireField(/^Bearer .+/.test(headers["authorization"] ?? ""), "authorization must be a bearer token");
  requireField(headers["content-type"]?.startsWith("application/json") === true, "content-type must be application/json");
  requireField(body !== null, "body must be JSON");
  return body;
}

/** The reply of an embedding, as OpenAI and those compatible with it give it. */
export function embeddingReply({ model, texts, dimensions }: ModelRequest, { inputTokens }: PlannedAnswer): Reply {
  const list = texts.map((text, index) => ({ object: "embedding", index, embedding: vectorOf(text, dimensions ?? 1_536) }));
  return { status: 200, json: { object: "list", data: list, model, usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } } };
}

function responseReply(request: ModelRequest, answer: PlannedAnswer): Reply {
  const { model, isStream } = request;
  const usage = {
    input_tokens: answer.inputTokens,
    input_tokens_details: { cached_tokens: answer.cachedInputTokens ?? 0 },
    output_tokens: answer.outputTokens,
    output_tokens_details: { reasoning_tokens: answer.reasoningTokens ?? 0 },
    total_tokens: answer.inputTokens + answer.outputTokens,
  };
  const head = { id: "resp_1", object: "response", created_at: 1_760_000_000, model };
  const message = { type: "message", id: "msg_1", role: "assistant", status: "completed" };
  const content = [{ type: "output_text", text: answer.text, annotations: [] }];
  const calls = (answer.toolCalls ?? []).map(({ id, name, args }) => {
    return { type: "function_call", id: `fc_${id}`, call_id: id, name, arguments: JSON.stringify(args), status: "completed" };
  });
  const output = calls.length > 0 ? calls : [{ ...message, content }];
  if (!isStream) return { status: 200, json: { ...head, status: "completed", output, usage, error: null, incomplete_details: null } };
  const event = (type: string, fields: Json): string => sse({ type, ...fields }, type);
  return {
    status: 200,
    events: [
      event("response.created", { response: { ...head, status: "in_progress" } }),
      event("response.output_item.added", { output_index: 0, item: { ...message, content: [] } }),
      ...pieces(answer.text).map((delta) =>
        event("response.output_text.delta", { item_id: "msg_1", output_index: 0, content_index: 0, delta }),
      ),
      event("response.output_item.done", { output_index: 0, item: { ...message, content } }),
      event("response.completed", { response: { ...head, status: "completed", output, usage } }),
    ],
  };
}
