// Anthropic's Message Batches through its SDK. They carry no key of ours: a lost batch is looked for by creation time and number of
// requests, and known by its custom ids once it has ended. Protocol: https://docs.claude.com/en/docs/build-with-claude/batch-processing
import type Anthropic from "@anthropic-ai/sdk";
import type { MessageBatch } from "@anthropic-ai/sdk/resources/messages/batches";
import { realEnvironment } from "../../environment.ts";
import { missingPackage } from "../load-package.ts";
import { answerSchemaOf, withoutKeywords } from "./answer-schema.ts";
import type { BatchLogger, BatchProviderOptions, BatchRequest, BatchState, BatchStatus } from "./batch-provider.ts";
import { ChunkedProvider } from "./chunked-provider.ts";
import { partsOf } from "./content-parts.ts";
import { readJsonLines } from "./json-lines.ts";
import type { FoundBatch, LostBatch, NewBatch, ProviderBatches, WireResult } from "./provider-batches.ts";
import { requireApiKey } from "./require-api-key.ts";
import { readWireId } from "./wire-id.ts";

/** Anthropic has no default; this is ours. */
const defaultMaxTokens = 4_096;
/** How far the provider's clock may be behind ours. */
const earlyMs = 5 * 60_000;
/** How long after its attempt a batch may have been created: the SDK's longest request, and the clocks. */
const lateMs = 20 * 60_000;

/** Keywords that Anthropic's structured output refuses; the zod schema checks them all the same. */
const refused = new Set(
  "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern minItems maxItems uniqueItems".split(" "),
);

/** Batches of Anthropic's messages; the key comes from ANTHROPIC_API_KEY. */
export class AnthropicBatchProvider extends ChunkedProvider {
  readonly batches: ProviderBatches;

  constructor(options: BatchProviderOptions = {}, logger?: BatchLogger) {
    super(logger, () => realEnvironment.newId());
    this.batches = anthropicBatches(options, logger);
  }
}

function anthropicBatches({ apiKey, baseURL }: BatchProviderOptions, logger: BatchLogger | undefined): ProviderBatches {
  let client: Promise<Anthropic> | null = null;
  const open = (): Promise<Anthropic> => {
    const key = requireApiKey(apiKey, "Anthropic", "ANTHROPIC_API_KEY");
    client ??= import("@anthropic-ai/sdk")
      .catch(missingPackage("@anthropic-ai/sdk"))
      .then(({ Anthropic: Client }) => new Client({ apiKey: key, ...(baseURL !== undefined && { baseURL }) }));
    return client;
  };
  return {
    name: "anthropic",
    limits: { requests: 100_000, bytes: 250_000_000 },
    toWire: requestOf,
    create: async (batch, signal) => create(await open(), batch, signal),
    find: async (lost, signal) => find(await open(), lost, signal),
    check: async (id, signal) => statusOf(await (await open()).messages.batches.retrieve(id, {}, { signal })),
    read: async (id, signal) => (await readLines(await open(), id, logger, signal)).map(resultOf),
    cancel: async (id) => void (await (await open()).messages.batches.cancel(id)),
  };
}

function requestOf({ model, prompt, system, schema, maxTokens, temperature }: BatchRequest, wireId: string): unknown {
  return {
    custom_id: wireId,
    params: {
      model,
      max_tokens: maxTokens ?? defaultMaxTokens,
      messages: [{ role: "user", content: partsOf(prompt).map(contentOf) }],
      ...(system !== undefined && { system }),
      ...(temperature !== undefined && { temperature }),
      ...(schema && {
        output_config: { format: { type: "json_schema", schema: withoutKeywords(answerSchemaOf(schema), refused) } },
      }),
    },
  };
}

function contentOf(part: ReturnType<typeof partsOf>[number]): unknown {
  if ("text" in part) return { type: "text", text: part.text };
  const { base64, mediaType } = part.file;
  const source = { type: "base64", media_type: mediaType, data: base64 };
  return { type: mediaType.startsWith("image/") ? "image" : "document", source };
}

async function create(client: Anthropic, batch: NewBatch, signal?: AbortSignal): Promise<{ id: string; createdAt: Date }> {
  const requests = batch.requests.map(({ json }) => JSON.parse(json));
  const created = await client.messages.batches.create({ requests }, { maxRetries: 0, signal });
  return { id: created.id, createdAt: new Date(created.created_at) };
}

async function find(client: Anthropic, lost: LostBatch, signal?: AbortSignal): Promise<FoundBatch> {
  let candidates = 0;
  for await (const batch of client.messages.batches.list({ limit: 100 }, { signal })) {
    const createdAt = Date.parse(batch.created_at);
    if (createdAt < lost.attemptedAt - earlyMs) break; // newest first
    if (createdAt > lost.attemptedAt + lateMs || totalOf(batch) !== lost.count) continue;
    if (batch.processing_status !== "ended") candidates++;
    else if (await isOurs(client, batch.id, lost, signal)) return { state: "found", id: batch.id };
  }
  return candidates > 0 ? { state: "unknown", candidates } : { state: "absent" };
}

async function isOurs(client: Anthropic, id: string, lost: LostBatch, signal?: AbortSignal): Promise<boolean> {
  for (const line of await readLines(client, id, undefined, signal)) {
    const wireId = readWireId(String(line["custom_id"]));
    if (wireId) return wireId.key === lost.key && wireId.index >= lost.start && wireId.index < lost.start + lost.count;
  }
  return false;
}

function totalOf({ request_counts: { processing, succeeded, errored, canceled, expired } }: MessageBatch): number {
  return processing + succeeded + errored + canceled + expired;
}

function statusOf(batch: MessageBatch): BatchStatus {
  const { processing, succeeded, errored, canceled, expired } = batch.request_counts;
  const total = totalOf(batch);
  return {
    state: stateOf(batch),
    processedCount: total - processing,
    totalCount: total,
    succeededCount: succeeded,
    failedCount: errored + canceled + expired,
    ...(expired > 0 && { isExpired: true, error: `batch ${batch.id} expired with ${succeeded} of ${total} requests done` }),
  };
}

function stateOf({ processing_status, request_counts: { succeeded, errored, canceled, expired } }: MessageBatch): BatchState {
  if (processing_status !== "ended") return "processing";
  if (canceled > 0) return "cancelled";
  return expired > 0 && succeeded + errored === 0 ? "failed" : "completed";
}

/** Not through the SDK's own decoder: a broken line would take the rest of the file with it. */
async function readLines(
  client: Anthropic,
  id: string,
  logger: BatchLogger | undefined,
  signal?: AbortSignal,
): Promise<Array<Record<string, unknown>>> {
  const { results_url } = await client.messages.batches.retrieve(id, {}, { signal });
  if (!results_url) return [];
  const response = await client.get<unknown>(results_url, { headers: { Accept: "application/binary" }, signal }).asResponse();
  return readJsonLines(await response.text(), `the results of batch ${id}`, logger);
}

/** One line of results: https://docs.claude.com/en/api/retrieving-message-batch-results */
interface ResultLine {
  custom_id?: string;
  result?: {
    type?: "succeeded" | "errored" | "canceled" | "expired";
    message?: {
      content?: Array<{ type: string; text?: string }>;
      stop_reason?: string | null;
      usage?: { input_tokens?: number; output_tokens?: number; cache_read_input_tokens?: number; cache_creation_input_tokens?: number };
    };
    error?: { error?: { type?: string; message?: string } };
  };
}

function resultOf(value: Record<string, unknown>): WireResult {
  const { custom_id = "", result } = value as ResultLine;
  const { content = [], usage = {} } = result?.message ?? {};
  const text = content.flatMap((block) => (block.type === "text" ? [block.text ?? ""] : [])).join("");
  const cached = usage.cache_read_input_tokens ?? 0;
  const problem = problemOf(result);
  return {
    wireId: custom_id,
    text,
    inputTokens: (usage.input_tokens ?? 0) + cached + (usage.cache_creation_input_tokens ?? 0),
    outputTokens: usage.output_tokens ?? 0,
    cachedInputTokens: cached,
    ...(problem !== null && { error: problem }),
  };
}

function problemOf(result: ResultLine["result"]): string | null {
  if (result?.type === "canceled") return "The batch was cancelled before this request was processed.";
  if (result?.type === "expired") return "The batch expired before this request was processed.";
  const error = result?.error?.error;
  if (result?.type !== "succeeded") return `${error?.type ?? "error"}: ${error?.message ?? "no message"}`;
  if (result.message?.stop_reason === "max_tokens") return "The answer was cut off at its token limit.";
  return result.message?.stop_reason === "refusal" ? "The model refused." : null;
}
