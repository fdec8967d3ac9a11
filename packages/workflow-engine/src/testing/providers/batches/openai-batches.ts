// OpenAI's files and batches, as documented in its API reference: upload of JSON lines, create, list, retrieve, cancel, output and error
// files. https://platform.openai.com/docs/api-reference/batch
import { ProtocolViolation, type ReceivedRequest, type Reply, requireField, requireKnown } from "../protocol.ts";
import type { BatchDesk, BatchItem, BatchProtocol, ServedBatch } from "./batch-desk.ts";

type Json = Readonly<Record<string, unknown>>;

const chatFields = ["model", "messages", "max_completion_tokens", "temperature", "response_format"];
const metadataOf = new WeakMap<ServedBatch, { metadata: Json; fileId: string }>();

/** OpenAI's batch protocol. */
export const openaiBatches: BatchProtocol = (request, desk) => {
  const { method, path } = request;
  if (!/^\/v1\/(files|batches)(\/|$)/.test(path) || !request.headers["authorization"]) return null;
  requireField(/^Bearer .+/.test(request.headers["authorization"]), "needs a bearer key");
  const [, resource, id, action] = /^\/v1\/(files|batches)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(path) ?? [];
  if (resource === "files") return serveFile(request, desk, id, action);
  if (method === "POST" && id === undefined) return create(request, desk);
  if (method === "GET" && id === undefined) return list(request, desk);
  const batch = desk.require("openai", id ?? "");
  if (!batch) return { status: 404, json: { error: { message: `No batch found with id '${id}'.`, type: "invalid_request_error" } } };
  if (method === "POST" && action === "cancel") desk.cancel(batch);
  else requireField(method === "GET" && action === undefined, "unknown batch request");
  return { status: 200, json: shown(batch) };
};

function serveFile({ method, headers, rawBody }: ReceivedRequest, desk: BatchDesk, id?: string, action?: string): Reply {
  if (method === "GET" && action === "content") {
    const text = desk.files.get(id ?? "") ?? outputOf(desk, id ?? "");
    return text === null ? { status: 404, json: { error: { message: "No such File object" } } } : { status: 200, text };
  }
  requireField(method === "POST" && id === undefined, "unknown file request");
  const boundary = /boundary="?([^";]+)/.exec(headers["content-type"] ?? "")?.[1];
  requireField(boundary !== undefined, "an upload is multipart/form-data");
  const parts = rawBody.split(`--${boundary}`).slice(1, -1).map(partOf);
  requireField(parts.find(({ name }) => name === "purpose")?.body === "batch", 'purpose must be "batch"');
  const file = parts.find(({ name }) => name === "file");
  requireField(file?.filename?.endsWith(".jsonl") === true, "the file must be named *.jsonl");
  const fileId = desk.newId("file-");
  desk.files.set(fileId, file.body);
  const bytes = new TextEncoder().encode(file.body).length;
  return {
    status: 200,
    json: { id: fileId, object: "file", bytes, created_at: seconds(desk.now), filename: file.filename, purpose: "batch" },
  };
}

function partOf(part: string): { name: string; filename: string | undefined; body: string } {
  const [head = "", ...rest] = part.replace(/^\r\n/, "").split("\r\n\r\n");
  const body = rest.join("\r\n\r\n").replace(/\r\n$/, "");
  return { name: /name="([^"]+)"/.exec(head)?.[1] ?? "", filename: /filename="([^"]+)"/.exec(head)?.[1], body };
}

function create({ body }: ReceivedRequest, desk: BatchDesk): Reply {
  requireField(body !== null, "a batch is JSON");
  requireKnown(body, ["input_file_id", "endpoint", "completion_window", "metadata"], "batch");
  const { input_file_id: fileId, endpoint, completion_window, metadata = {} } = body as { metadata?: Json } & Json;
  requireField(completion_window === "24h", 'completion_window must be "24h"');
  requireField(endpoint === "/v1/chat/completions", "endpoint must be /v1/chat/completions");
  const entries = Object.entries(metadata);
  requireField(entries.length <= 16, "metadata has 16 pairs at most");
  const fits = entries.every(([key, value]) => key.length <= 64 && typeof value === "string" && value.length <= 512);
  requireField(fits, "a key of metadata has 64 characters at most, a value is text of 512");
  const text = desk.files.get(String(fileId));
  requireField(text !== undefined, `no file ${String(fileId)}`);
  const lines = text.split("\n").filter((line) => line !== "");
  requireField(lines.length > 0 && lines.length <= 50_000, "a batch has 1 to 50,000 requests");
  const items = lines.map((line, index) => itemOf(JSON.parse(line) as Json, index));
  requireField(new Set(items.map(({ wireId }) => wireId)).size === items.length, "custom_id must be unique");
  requireField(new Set(items.map(({ model }) => model)).size === 1, "a batch has one model");
  const label = metadata["workflow_engine_key"];
  const batch = desk.accept("openai", "batch_", typeof label === "string" ? label : null, items);
  metadataOf.set(batch, { metadata, fileId: String(fileId) });
  return { status: 200, json: shown(batch) };
}

function itemOf(line: Json, index: number): BatchItem {
  requireKnown(line, ["custom_id", "method", "url", "body"], `line ${index + 1}`);
  const { custom_id, method, url, body } = line as { body: Json } & Json;
  requireField(typeof custom_id === "string" && custom_id !== "", "custom_id is text");
  requireField(method === "POST" && url === "/v1/chat/completions", "method and url must be those of the endpoint");
  requireKnown(body, chatFields, "body");
  const messages = body["messages"] as Array<{ role: string; content: unknown }>;
  requireField(Array.isArray(messages) && messages.at(-1)?.role === "user", "messages end with the user's");
  const format = body["response_format"] as { type: string; json_schema: { name: string; strict: boolean; schema: Json } } | undefined;
  if (format)
    requireField(format.type === "json_schema" && /^[\w-]{1,64}$/.test(format.json_schema.name), "a format is a named json_schema");
  if (format?.json_schema.strict) requireStrict(format.json_schema.schema);
  const system = messages.find(({ role }) => role === "system")?.content;
  return {
    ...{ index, wireId: custom_id, model: String(body["model"]), prompt: textOf(messages.at(-1)?.content) },
    system: typeof system === "string" ? system : null,
    schema: format?.json_schema.schema ?? null,
    maxTokens: (body["max_completion_tokens"] as number | undefined) ?? null,
    temperature: (body["temperature"] as number | undefined) ?? null,
  };
}

/** Strict mode: objects are closed and all their properties required. */
function requireStrict(schema: Json): void {
  if (schema["type"] === "array") requireStrict((schema["items"] ?? {}) as Json);
  if (schema["type"] !== "object") return;
  const properties = (schema["properties"] ?? {}) as Record<string, Json>;
  requireField(schema["additionalProperties"] === false, "strict: additionalProperties must be false");
  const required = (schema["required"] ?? []) as string[];
  requireField(
    Object.keys(properties).every((key) => required.includes(key)),
    "strict: every property must be required",
  );
  for (const property of Object.values(properties)) requireStrict(property);
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) throw new ProtocolViolation("content is text or parts");
  return content.flatMap((part: { type: string; text?: string }) => (part.type === "text" ? [part.text ?? ""] : [])).join("\n");
}

function list({ query }: ReceivedRequest, desk: BatchDesk): Reply {
  const all = desk.list("openai");
  const limit = Number(query.get("limit") ?? 20);
  requireField(limit >= 1 && limit <= 100, "limit is 1 to 100");
  const after = query.get("after");
  const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const page = all.slice(from, from + limit);
  const has_more = from + limit < all.length;
  return { status: 200, json: { object: "list", data: page.map(shown), first_id: page[0]?.id, last_id: page.at(-1)?.id, has_more } };
}

function shown(batch: ServedBatch): Json {
  const { id, createdAt, results, items, failure, cancelledAt } = batch;
  const { metadata = {}, fileId = "" } = metadataOf.get(batch) ?? {};
  const good = results?.filter(({ plan }) => ["answer", "malformed", "missing"].includes(plan.kind)).length ?? 0;
  const bad = (results?.length ?? 0) - good;
  const isExpired = results?.some(({ plan }) => plan.kind === "expired") ?? false;
  const ended = failure ? "failed" : cancelledAt !== null ? "cancelled" : isExpired ? "expired" : "completed";
  return {
    ...{ id, object: "batch", endpoint: "/v1/chat/completions", input_file_id: fileId, completion_window: "24h", metadata },
    ...{ status: results ? ended : "in_progress", created_at: seconds(createdAt), expires_at: seconds(createdAt) + 86_400 },
    errors: failure ? { object: "list", data: [{ code: "invalid", message: failure, line: 1, param: null }] } : null,
    output_file_id: good > 0 ? `out-${id}` : null,
    error_file_id: bad > 0 ? `err-${id}` : null,
    request_counts: { total: failure ? 0 : items.length, completed: good, failed: results ? bad : 0 },
  };
}

function outputOf(desk: BatchDesk, fileId: string): string | null {
  const [, kind, id] = /^(out|err)-(.+)$/.exec(fileId) ?? [];
  const batch = desk.require("openai", id ?? "");
  if (!batch?.results) return null;
  batch.reads += 1;
  const lines = batch.results.flatMap((result) => {
    const isGood = ["answer", "malformed", "missing"].includes(result.plan.kind);
    return isGood === (kind === "out") ? lineOf(batch, result) : [];
  });
  return lines.reverse().join("\n"); // the order of results is not that of the requests
}

function lineOf({ id }: ServedBatch, { item, plan, inputTokens, outputTokens }: NonNullable<ServedBatch["results"]>[number]): string[] {
  const head = { id: `batch_req_${id}_${item.index}`, custom_id: item.wireId };
  const usage = { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
  switch (plan.kind) {
    case "missing":
      return [];
    case "malformed":
      return [`{"id": "batch_req", "custom_id": "${item.wireId}", "resp`];
    case "expired":
      return [
        JSON.stringify({
          ...head,
          response: null,
          error: { code: "batch_expired", message: "This request could not be executed in time." },
        }),
      ];
    case "canceled":
      return [JSON.stringify({ ...head, response: null, error: { code: "batch_cancelled", message: "The batch was cancelled." } })];
    case "error":
      return [JSON.stringify({ ...head, response: { status_code: 400, body: { error: { message: plan.message } } }, error: null })];
    case "answer": {
      const message = { role: "assistant", content: plan.text, refusal: null };
      const choices = [{ index: 0, message, finish_reason: plan.isCutOff ? "length" : "stop" }];
      const body = { id: `chatcmpl-${item.index}`, object: "chat.completion", model: item.model, choices, usage };
      return [JSON.stringify({ ...head, response: { status_code: 200, request_id: "r", body }, error: null })];
    }
  }
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}
