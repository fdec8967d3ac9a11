// Anthropic's message batches, as documented in its API reference: create, list, retrieve, results as JSON lines, cancel.
// https://docs.claude.com/en/api/creating-message-batches
import { type ReceivedRequest, type Reply, requireField, requireKnown } from "../protocol.ts";
import type { BatchDesk, BatchItem, BatchProtocol, ServedBatch } from "./batch-desk.ts";

type Json = Readonly<Record<string, unknown>>;

const refused = ["minimum", "maximum", "minLength", "maxLength", "multipleOf", "maxItems", "default"];

/** Anthropic's batch protocol. */
export const anthropicBatches: BatchProtocol = (request, desk) => {
  const { method, path, headers } = request;
  if (!path.startsWith("/v1/messages/batches")) return null;
  const isKnown = (headers["x-api-key"] ?? "") !== "" || /^Bearer .+/.test(headers["authorization"] ?? "");
  requireField(isKnown, "needs x-api-key or a bearer key");
  requireField(/^\d{4}-\d{2}-\d{2}$/.test(headers["anthropic-version"] ?? ""), "anthropic-version must be a date");
  const [, id, action] = /^\/v1\/messages\/batches(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
  if (method === "POST" && id === undefined) return create(request, desk);
  if (method === "GET" && id === undefined) return list(request, desk);
  const batch = desk.require("anthropic", id ?? "");
  if (!batch) return { status: 404, json: { type: "error", error: { type: "not_found_error", message: `no batch ${id}` } } };
  if (method === "GET" && action === "results") return results(batch);
  if (method === "POST" && action === "cancel") desk.cancel(batch);
  else requireField(method === "GET" && action === undefined, "unknown batch request");
  return { status: 200, json: shown(batch, headers["host"]) };
};

function create({ body, headers }: ReceivedRequest, desk: BatchDesk): Reply {
  requireField(body !== null, "a batch is JSON");
  requireKnown(body, ["requests"], "batch");
  const requests = body["requests"] as Json[];
  requireField(Array.isArray(requests) && requests.length > 0 && requests.length <= 100_000, "a batch has 1 to 100,000 requests");
  const items = requests.map(itemOf);
  requireField(new Set(items.map(({ wireId }) => wireId)).size === items.length, "custom_id must be unique");
  return { status: 200, json: shown(desk.accept("anthropic", "msgbatch_", null, items), headers["host"]) };
}

function itemOf(request: Json, index: number): BatchItem {
  requireKnown(request, ["custom_id", "params"], `request ${index}`);
  const { custom_id, params } = request as { params: Json } & Json;
  requireField(typeof custom_id === "string" && /^[a-zA-Z0-9_-]{1,64}$/.test(custom_id), "custom_id is 1 to 64 of [a-zA-Z0-9_-]");
  requireKnown(params, ["model", "max_tokens", "messages", "system", "temperature", "output_config"], "params");
  requireField(Number.isInteger(params["max_tokens"]) && Number(params["max_tokens"]) > 0, "max_tokens is required");
  const messages = params["messages"] as Array<{ role: string; content: Array<{ type: string; text?: string }> }>;
  requireField(Array.isArray(messages) && messages.length === 1 && messages[0]?.role === "user", "messages are the user's");
  const format = (params["output_config"] as { format?: { type: string; schema: Json } } | undefined)?.format;
  if (format) requireField(format.type === "json_schema", "a format is a json_schema");
  if (format) requireAllowed(format.schema);
  return {
    ...{ index, wireId: custom_id, model: String(params["model"]) },
    prompt: messages[0].content.flatMap(({ type, text }) => (type === "text" ? [text ?? ""] : [])).join("\n"),
    system: typeof params["system"] === "string" ? params["system"] : null,
    schema: format?.schema ?? null,
    maxTokens: Number(params["max_tokens"]),
    temperature: (params["temperature"] as number | undefined) ?? null,
  };
}

/** Structured output takes no bounds, and closed objects only. */
function requireAllowed(schema: Json): void {
  for (const keyword of refused) requireField(!(keyword in schema), `structured output does not support ${keyword}`);
  if (schema["type"] === "object") requireField(schema["additionalProperties"] === false, "additionalProperties must be false");
  for (const property of Object.values((schema["properties"] ?? {}) as Record<string, Json>)) requireAllowed(property);
  if (schema["items"]) requireAllowed(schema["items"] as Json);
}

function list({ query, headers }: ReceivedRequest, desk: BatchDesk): Reply {
  const all = desk.list("anthropic");
  const limit = Number(query.get("limit") ?? 20);
  requireField(limit >= 1 && limit <= 1_000, "limit is 1 to 1,000");
  const after = query.get("after_id");
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const data = all.slice(from, from + limit).map((batch) => shown(batch, headers["host"]));
  const has_more = from + limit < all.length;
  return { status: 200, json: { data, has_more, first_id: data[0]?.["id"] ?? null, last_id: data.at(-1)?.["id"] ?? null } };
}

function shown({ id, createdAt, items, results, cancelledAt }: ServedBatch, host: string | undefined): Json {
  const count = (...kinds: string[]): number => results?.filter(({ plan }) => kinds.includes(plan.kind)).length ?? 0;
  return {
    ...{ id, type: "message_batch", processing_status: results ? "ended" : "in_progress", archived_at: null },
    request_counts: {
      processing: results ? 0 : items.length,
      succeeded: count("answer", "malformed", "missing"),
      errored: count("error"),
      canceled: count("canceled"),
      expired: count("expired"),
    },
    created_at: new Date(createdAt).toISOString(),
    expires_at: new Date(createdAt + 86_400_000).toISOString(),
    ended_at: results ? new Date(createdAt).toISOString() : null,
    cancel_initiated_at: cancelledAt === null ? null : new Date(cancelledAt).toISOString(),
    results_url: results ? `http://${host}/v1/messages/batches/${id}/results` : null,
  };
}

function results(batch: ServedBatch): Reply {
  if (!batch.results) return { status: 404, json: { type: "error", error: { type: "not_found_error", message: "no results yet" } } };
  batch.reads += 1;
  const lines = batch.results.flatMap(({ item, plan, inputTokens, outputTokens }) => {
    const line = (result: Json): string[] => [JSON.stringify({ custom_id: item.wireId, result })];
    const usage = { input_tokens: inputTokens, output_tokens: outputTokens, cache_read_input_tokens: 0, cache_creation_input_tokens: 0 };
    switch (plan.kind) {
      case "missing":
        return [];
      case "malformed":
        return [`{"custom_id": "${item.wireId}", "result": {"typ`];
      case "error":
        return line({ type: "errored", error: { type: "error", error: { type: "invalid_request_error", message: plan.message } } });
      case "answer": {
        const content = [{ type: "text", text: plan.text }];
        const head = { id: `msg_${item.index}`, type: "message", role: "assistant", model: item.model };
        const stop_reason = plan.isCutOff ? "max_tokens" : "end_turn";
        return line({ type: "succeeded", message: { ...head, content, stop_reason, stop_sequence: null, usage } });
      }
      default:
        return line({ type: plan.kind });
    }
  });
  return { status: 200, text: lines.reverse().join("\n"), headers: { "content-type": "application/x-jsonl" } };
}
