// OpenAI's Batch API through its SDK: requests are lines of an uploaded file, results lines of an output and an error file. A batch is
// found again by our key in its metadata. Protocol: https://platform.openai.com/docs/guides/batch
import type OpenAI from "openai";
import type { Batch } from "openai/resources/batches";
import { realEnvironment } from "../../environment.ts";
import { missingPackage } from "../load-package.ts";
import { answerSchemaOf, isStrict } from "./answer-schema.ts";
import type { BatchLogger, BatchProviderOptions, BatchRequest, BatchState, BatchStatus } from "./batch-provider.ts";
import { ChunkedProvider } from "./chunked-provider.ts";
import { partsOf } from "./content-parts.ts";
import { readJsonLines } from "./json-lines.ts";
import { type FoundBatch, type LostBatch, labelOf, type NewBatch, type ProviderBatches, type WireResult } from "./provider-batches.ts";
import { requireApiKey } from "./require-api-key.ts";

const metadataKey = "workflow_engine_key";
/** Clocks differ: the provider's may be this far behind ours. */
const skewMs = 60 * 60_000;

/** Batches of OpenAI's chat completions; the key comes from OPENAI_API_KEY. */
export class OpenAIBatchProvider extends ChunkedProvider {
  readonly batches: ProviderBatches;

  constructor(options: BatchProviderOptions = {}, logger?: BatchLogger) {
    super(logger, () => realEnvironment.newId());
    this.batches = openAIBatches(options, logger);
  }
}

function openAIBatches({ apiKey, baseURL }: BatchProviderOptions, logger: BatchLogger | undefined): ProviderBatches {
  let client: Promise<OpenAI> | null = null;
  const open = (): Promise<OpenAI> => {
    const key = requireApiKey(apiKey, "OpenAI", "OPENAI_API_KEY");
    client ??= import("openai")
      .catch(missingPackage("openai"))
      .then(({ OpenAI: Client }) => new Client({ apiKey: key, ...(baseURL !== undefined && { baseURL }) }));
    return client;
  };
  return {
    name: "openai",
    limits: { requests: 50_000, bytes: 200_000_000 },
    toWire: lineOf,
    create: async (batch, signal) => create(await open(), batch, signal),
    find: async (lost, signal) => find(await open(), lost, signal),
    check: async (id, signal) => statusOf(await (await open()).batches.retrieve(id, { signal })),
    read: async (id, signal) => read(await open(), id, logger, signal),
    cancel: async (id) => void (await (await open()).batches.cancel(id)),
  };
}

function lineOf({ model, prompt, system, schema, maxTokens, temperature }: BatchRequest, wireId: string): unknown {
  const parts = partsOf(prompt);
  const [only] = parts;
  const content = parts.length === 1 && only && "text" in only ? only.text : parts.map(contentOf);
  const json = schema && answerSchemaOf(schema);
  return {
    custom_id: wireId,
    method: "POST",
    url: "/v1/chat/completions",
    body: {
      model,
      messages: [...(system === undefined ? [] : [{ role: "system", content: system }]), { role: "user", content }],
      ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(json && {
        response_format: { type: "json_schema", json_schema: { name: "answer", strict: isStrict(json), schema: json } },
      }),
    },
  };
}

function contentOf(part: ReturnType<typeof partsOf>[number]): unknown {
  if ("text" in part) return { type: "text", text: part.text };
  const { base64, mediaType, filename } = part.file;
  const url = `data:${mediaType};base64,${base64}`;
  if (mediaType.startsWith("image/")) return { type: "image_url", image_url: { url } };
  return { type: "file", file: { filename: filename ?? "file", file_data: url } };
}

async function create(client: OpenAI, batch: NewBatch, signal?: AbortSignal): Promise<{ id: string; createdAt: Date }> {
  const label = labelOf(batch.key, batch.requests[0]?.index ?? 0);
  const { toFile } = await import("openai").catch(missingPackage("openai"));
  const lines = `${batch.requests.map(({ json }) => json).join("\n")}\n`;
  const file = await client.files.create(
    { file: await toFile(new TextEncoder().encode(lines), `${label}.jsonl`, { type: "application/jsonl" }), purpose: "batch" },
    { signal },
  );
  const created = await client.batches.create(
    {
      input_file_id: file.id,
      endpoint: "/v1/chat/completions",
      completion_window: batch.completionWindow,
      metadata: { ...batch.metadata, [metadataKey]: label },
    },
    { maxRetries: 0, signal },
  );
  return { id: created.id, createdAt: new Date(created.created_at * 1_000) };
}

/** Newest first, so what is older than the attempt ends the search. */
async function find(client: OpenAI, lost: LostBatch, signal?: AbortSignal): Promise<FoundBatch> {
  const label = labelOf(lost.key, lost.start);
  for await (const batch of client.batches.list({ limit: 100 }, { signal })) {
    if (batch.metadata?.[metadataKey] === label) return { state: "found", id: batch.id };
    if (batch.created_at * 1_000 < lost.attemptedAt - skewMs) break;
  }
  return { state: "absent" };
}

const states: Record<Batch["status"], BatchState> = {
  validating: "pending",
  in_progress: "processing",
  finalizing: "processing",
  cancelling: "processing",
  completed: "completed",
  failed: "failed",
  expired: "completed",
  cancelled: "cancelled",
};

function statusOf(batch: Batch): BatchStatus {
  const { completed = 0, failed = 0, total = 0 } = batch.request_counts ?? {};
  const isExpired = batch.status === "expired";
  const errors = batch.errors?.data?.map(({ message, line }) => `${message ?? "unknown error"}${line ? ` (line ${line})` : ""}`) ?? [];
  if (isExpired) errors.push(`batch ${batch.id} expired with ${completed} of ${total} requests done`);
  return {
    state: isExpired && !batch.output_file_id ? "failed" : (states[batch.status] ?? "processing"),
    processedCount: completed + failed,
    totalCount: total,
    succeededCount: completed,
    failedCount: failed,
    ...(errors.length > 0 && { error: errors.join("; ") }),
    ...(isExpired && { isExpired }),
  };
}

async function read(client: OpenAI, id: string, logger: BatchLogger | undefined, signal?: AbortSignal): Promise<WireResult[]> {
  const batch = await client.batches.retrieve(id, { signal });
  const files = [batch.output_file_id, batch.error_file_id].filter((file) => typeof file === "string");
  const results: WireResult[] = [];
  for (const file of files) {
    const text = await (await client.files.content(file, { signal })).text();
    results.push(...readJsonLines(text, `file ${file} of batch ${id}`, logger).map(resultOf));
  }
  return results;
}

/** One line of an output or error file: https://platform.openai.com/docs/api-reference/batch/request-output */
interface OutputLine {
  custom_id?: string;
  response?: { status_code?: number; body?: OutputBody } | null;
  error?: { code?: string; message?: string } | null;
}

interface OutputBody {
  choices?: Array<{ message?: { content?: string | null; refusal?: string | null }; finish_reason?: string }>;
  usage?: {
    prompt_tokens?: number;
    completion_tokens?: number;
    prompt_tokens_details?: { cached_tokens?: number } | null;
    completion_tokens_details?: { reasoning_tokens?: number } | null;
  };
  error?: { message?: string };
}

function resultOf(value: Record<string, unknown>): WireResult {
  const { custom_id = "", response, error } = value as OutputLine;
  const body = response?.body;
  const choice = body?.choices?.[0];
  const text = choice?.message?.content ?? "";
  const problem = problemOf(response?.status_code, body, error, choice);
  return {
    wireId: custom_id,
    text,
    inputTokens: body?.usage?.prompt_tokens ?? 0,
    outputTokens: body?.usage?.completion_tokens ?? 0,
    cachedInputTokens: body?.usage?.prompt_tokens_details?.cached_tokens ?? 0,
    reasoningTokens: body?.usage?.completion_tokens_details?.reasoning_tokens ?? 0,
    ...(problem !== null && { error: problem }),
  };
}

function problemOf(
  statusCode: number | undefined,
  body: OutputBody | undefined,
  error: OutputLine["error"],
  choice: NonNullable<OutputBody["choices"]>[number] | undefined,
): string | null {
  if (error) return `${error.code ?? "error"}: ${error.message ?? "no message"}`;
  if (statusCode !== undefined && statusCode >= 400) return `HTTP ${statusCode}: ${body?.error?.message ?? "no message"}`;
  if (choice?.message?.refusal) return `The model refused: ${choice.message.refusal}`;
  if (choice?.finish_reason === "length") return "The answer was cut off at its token limit.";
  if (choice?.finish_reason === "content_filter") return "The answer was held back by the provider's content filter.";
  return typeof choice?.message?.content === "string" ? null : "The provider's answer has no text.";
}
