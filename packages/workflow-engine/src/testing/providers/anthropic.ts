// Anthropic's Messages API (platform.claude.com/docs/en/api/messages): what its SDK sends to /v1/messages.
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
  "max_tokens",
  "messages",
  "system",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "stream",
  "tools",
  "tool_choice",
];
const moreFields = ["thinking", "metadata", "output_config", "output_format", "service_tier", "container", "mcp_servers"];

/** Anthropic's protocol. */
export const anthropicProtocol: ProviderProtocol = {
  name: "anthropic",
  parse: (request) => (request.path === "/v1/messages" ? parseMessages(request) : null),
  reply: messagesReply,
  refusal: (status, message) => ({ type: "error", error: { type: typeOf(status), message } }),
};

/** Type of an error by its status (platform.claude.com/docs/en/api/errors). */
function typeOf(status: number): string {
  const types: Record<number, string> = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
  };
  return types[status] ?? (status === 529 ? "overloaded_error" : "api_error");
}

function parseMessages(received: ReceivedRequest): ModelRequest {
  const { method, headers, body } = received;
  requireField(method === "POST", `method must be POST, got ${method}`);
  requireField((headers["x-api-key"] ?? "") !== "", "x-api-key is missing");
  requireField(headers["anthropic-version"] === "2023-06-01", "anthropic-version must be 2023-06-01");
  requireField(body !== null, "body must be JSON");
  requireKnown(body, [...fields, ...moreFields], "messages.create");
  const { model, max_tokens: maxTokens, messages, stream, temperature } = body;
  requireField(typeof model === "string" && model !== "", "messages.create: model must be a text");
  requireField(Number.isInteger(maxTokens) && (maxTokens as number) > 0, "messages.create: max_tokens is required");
  requireField(Array.isArray(messages) && messages.length > 0, "messages.create: messages must be a list");
  if (temperature !== undefined)
    requireField(typeof temperature === "number" && temperature >= 0 && temperature <= 1, "temperature is 0 to 1");
  const texts = (messages as Json[]).flatMap(({ role, content }) => {
    requireField(role === "user" || role === "assistant", `messages: unknown role "${String(role)}"`);
    requireField(Array.isArray(content) || typeof content === "string", "messages: content must be a text or a list");
    if (typeof content === "string") return [content];
    return (content as Json[]).flatMap((part) => (typeof part["text"] === "string" ? [part["text"]] : []));
  });
  return {
    ...{ provider: "anthropic", kind: "text", model, texts, prompt: texts.at(-1) ?? "", isStream: stream === true, received },
    ...{
      schema: schemaOf(body),
      maxTokens: maxTokens as number,
      temperature: (temperature as number | undefined) ?? null,
      dimensions: null,
    },
  };
}

/** `output_config.format`, or the tool that its SDK falls back to for older models. */
function schemaOf(body: Json): Json | null {
  const format = (body["output_config"] as { format?: { schema?: Json } } | undefined)?.format;
  if (format?.schema) return format.schema;
  const tools = (body["tools"] ?? []) as Json[];
  return (tools.find(({ name }) => name === "json")?.["input_schema"] as Json | undefined) ?? null;
}

function messagesReply({ model, isStream, received }: ModelRequest, answer: PlannedAnswer): Reply {
  const cached = answer.cachedInputTokens ?? 0;
  // Anthropic counts cached input apart from the rest
  const input = { input_tokens: answer.inputTokens - cached, cache_creation_input_tokens: 0, cache_read_input_tokens: cached };
  const usage = { ...input, output_tokens: answer.outputTokens };
  const content = contentOf(received, answer);
  const stop = content.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
  const head = { id: "msg_1", type: "message", role: "assistant", model };
  if (!isStream) return { status: 200, json: { ...head, content, stop_reason: stop, stop_sequence: null, usage } };
  const event = (type: string, more: Json): string => sse({ type, ...more }, type);
  const start = { ...head, content: [], stop_reason: null, stop_sequence: null, usage: { ...input, output_tokens: 1 } };
  return {
    status: 200,
    events: [
      event("message_start", { message: start }),
      event("content_block_start", { index: 0, content_block: { type: "text", text: "" } }),
      event("ping", {}),
      ...pieces(answer.text).map((text) => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } })),
      event("content_block_stop", { index: 0 }),
      event("message_delta", { delta: { stop_reason: stop, stop_sequence: null }, usage }),
      event("message_stop", {}),
    ],
  };
}

function contentOf({ body }: ReceivedRequest, answer: PlannedAnswer): Json[] {
  if (answer.toolCalls) return answer.toolCalls.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: args }));
  const tools = (body?.["tools"] ?? []) as Json[];
  if (!tools.some(({ name }) => name === "json")) return [{ type: "text", text: answer.text }];
  return [{ type: "tool_use", id: "toolu_1", name: "json", input: JSON.parse(answer.text) }];
}
