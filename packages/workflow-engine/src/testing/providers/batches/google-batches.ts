// Google's batches of generateContent with inline requests, as documented: batchGenerateContent, batches.get, list and cancel.
// https://ai.google.dev/api/batch-api
import { type ReceivedRequest, type Reply, requireField, requireKnown } from "../protocol.ts";
import type { BatchDesk, BatchItem, BatchProtocol, ServedBatch } from "./batch-desk.ts";

type Json = Readonly<Record<string, unknown>>;

/** Google's batch protocol. */
export const googleBatches: BatchProtocol = (request, desk) => {
  const { method, path, headers, query } = request;
  const model = /^\/v1beta\/models\/([^/:]+):batchGenerateContent$/.exec(path)?.[1];
  const [isBatches, id, action] = /^\/v1beta\/batches(?:\/([^/:]+))?(?::(\w+))?$/.exec(path) ?? [];
  if (model === undefined && isBatches === undefined) return null;
  requireField((headers["x-goog-api-key"] ?? query.get("key") ?? "") !== "", "needs x-goog-api-key");
  if (model !== undefined) return create(request, desk, model);
  if (method === "GET" && id === undefined) return list(request, desk);
  const batch = desk.require("google", `batches/${id}`);
  if (!batch) return { status: 404, json: { error: { code: 404, message: `no batch ${id}`, status: "NOT_FOUND" } } };
  if (method === "POST" && action === "cancel") {
    desk.cancel(batch);
    return { status: 200, json: {} };
  }
  requireField(method === "GET" && action === undefined, "unknown batch request");
  if (batch.results) batch.reads += 1;
  return { status: 200, json: shown(batch) };
};

function create({ body, method, rawBody }: ReceivedRequest, desk: BatchDesk, model: string): Reply {
  requireField(method === "POST" && body !== null, "a batch is JSON");
  requireField(new TextEncoder().encode(rawBody).length <= 20_000_000, "an inline batch has 20 MB at most");
  requireKnown(body, ["batch"], "request");
  const batch = body["batch"] as Json;
  requireKnown(batch, ["displayName", "inputConfig"], "batch");
  requireField(typeof batch["displayName"] === "string" && batch["displayName"] !== "", "displayName is required");
  const requests = (batch["inputConfig"] as { requests?: { requests?: Json[] } }).requests?.requests;
  requireField(Array.isArray(requests) && requests.length > 0, "inputConfig.requests.requests is required");
  const items = requests.map((request, index) => itemOf(request, index, model));
  return { status: 200, json: shown(desk.accept("google", "batches/", batch["displayName"], items)) };
}

function itemOf(item: Json, index: number, model: string): BatchItem {
  requireKnown(item, ["request", "metadata"], `requests[${index}]`);
  const { request, metadata } = item as { request: Json; metadata?: { key?: string } };
  requireKnown(request, ["contents", "systemInstruction", "generationConfig"], "request");
  const config = (request["generationConfig"] ?? {}) as Json;
  requireKnown(config, ["maxOutputTokens", "temperature", "responseMimeType", "responseJsonSchema"], "generationConfig");
  if (config["responseJsonSchema"]) requireField(config["responseMimeType"] === "application/json", "a schema needs application/json");
  const contents = request["contents"] as Array<{ role: string; parts: Array<{ text?: string }> }>;
  requireField(Array.isArray(contents) && contents[0]?.role === "user", "contents are the user's");
  const system = request["systemInstruction"] as { parts: Array<{ text?: string }> } | undefined;
  return {
    ...{ index, wireId: String(metadata?.key ?? ""), model },
    prompt: contents[0].parts.map(({ text = "" }) => text).join("\n"),
    system: system?.parts.map(({ text = "" }) => text).join("\n") ?? null,
    schema: (config["responseJsonSchema"] as Json | undefined) ?? null,
    maxTokens: (config["maxOutputTokens"] as number | undefined) ?? null,
    temperature: (config["temperature"] as number | undefined) ?? null,
  };
}

function list({ query }: ReceivedRequest, desk: BatchDesk): Reply {
  const all = desk.list("google");
  const size = Number(query.get("pageSize") ?? 50);
  const from = Number(query.get("pageToken") ?? 0);
  const nextPageToken = from + size < all.length ? String(from + size) : undefined;
  return { status: 200, json: { operations: all.slice(from, from + size).map(shown), nextPageToken } };
}

function shown(batch: ServedBatch): Json {
  const { id, label, createdAt, results, items, failure, cancelledAt } = batch;
  const isExpired = results?.some(({ plan }) => plan.kind === "expired") ?? false;
  const ended = failure ? "FAILED" : cancelledAt !== null ? "CANCELLED" : isExpired ? "EXPIRED" : "SUCCEEDED";
  const createTime = new Date(createdAt).toISOString();
  const output = results && results.length > 0 ? { inlinedResponses: { inlinedResponses: results.flatMap(responseOf) } } : undefined;
  const metadata = {
    "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
    ...{ model: `models/${items[0]?.model}`, displayName: label, createTime, updateTime: createTime, name: id },
    state: `BATCH_STATE_${results ? ended : "RUNNING"}`,
    batchStats: { requestCount: String(items.length), pendingRequestCount: String(results ? 0 : items.length) },
    output,
  };
  const error = failure ? { code: 3, message: failure } : undefined;
  return { name: id, metadata, ...(results && { done: true, error, response: output }) };
}

function responseOf({ item, plan, inputTokens, outputTokens }: NonNullable<ServedBatch["results"]>[number]): Json[] {
  const metadata = { key: item.wireId };
  const usageMetadata = { promptTokenCount: inputTokens, candidatesTokenCount: outputTokens, totalTokenCount: inputTokens + outputTokens };
  switch (plan.kind) {
    case "answer": {
      const content = { role: "model", parts: [{ text: plan.text }] };
      const candidates = [{ index: 0, content, finishReason: plan.isCutOff ? "MAX_TOKENS" : "STOP" }];
      return [{ metadata, response: { candidates, usageMetadata, modelVersion: item.model } }];
    }
    case "malformed":
      return [{ metadata, response: { usageMetadata } }];
    case "error":
      return [{ metadata, error: { code: 3, message: plan.message } }];
    default:
      return []; // what was not done, or is left out, has no response
  }
}
