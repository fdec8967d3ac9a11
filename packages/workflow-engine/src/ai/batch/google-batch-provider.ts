// Google's Gemini Batch API through its SDK, with requests inline (split below 20 MB, so no file has to be uploaded). A batch is found
// again by its display name. Protocol: https://ai.google.dev/gemini-api/docs/batch-api
import type { BatchJob, GenerateContentResponse, GoogleGenAI, InlinedRequest, InlinedResponse } from "@google/genai";
import { realEnvironment } from "../../environment.ts";
import { missingPackage } from "../load-package.ts";
import { answerSchemaOf } from "./answer-schema.ts";
import type { BatchLogger, BatchProviderOptions, BatchRequest, BatchState, BatchStatus } from "./batch-provider.ts";
import { ChunkedProvider } from "./chunked-provider.ts";
import { partsOf } from "./content-parts.ts";
import { type FoundBatch, type LostBatch, labelOf, type NewBatch, type ProviderBatches, type WireResult } from "./provider-batches.ts";
import { requireApiKey } from "./require-api-key.ts";

/** Batches of Gemini's generateContent; the key comes from GOOGLE_GENERATIVE_AI_API_KEY. */
export class GoogleBatchProvider extends ChunkedProvider {
  readonly batches: ProviderBatches;

  constructor(options: BatchProviderOptions = {}, logger?: BatchLogger) {
    super(logger, () => realEnvironment.newId());
    this.batches = googleBatches(options);
  }
}

function googleBatches({ apiKey, baseURL }: BatchProviderOptions): ProviderBatches {
  let client: Promise<GoogleGenAI> | null = null;
  const open = (): Promise<GoogleGenAI> => {
    const key = requireApiKey(apiKey, "Google", "GOOGLE_GENERATIVE_AI_API_KEY");
    client ??= import("@google/genai").catch(missingPackage("@google/genai")).then(
      ({ GoogleGenAI: Client }) =>
        new Client({
          apiKey: key,
          apiVersion: "v1beta",
          vertexai: false,
          ...(baseURL !== undefined && { httpOptions: { baseUrl: baseURL } }),
        }),
    );
    return client;
  };
  return {
    name: "google",
    // the request may have 20 MB in all, the frame around the requests included
    limits: { requests: 50_000, bytes: 19_000_000 },
    toWire: requestOf,
    create: async (batch, signal) => create(await open(), batch, signal),
    find: async (lost, signal) => find(await open(), lost, signal),
    check: async (id, signal) => statusOf(await (await open()).batches.get({ name: id, config: configOf(signal) })),
    read: async (id, signal) => resultsOf(await (await open()).batches.get({ name: id, config: configOf(signal) })),
    cancel: async (id) => void (await (await open()).batches.cancel({ name: id })),
  };
}

function configOf(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

function requestOf({ prompt, system, schema, maxTokens, temperature }: BatchRequest, wireId: string): InlinedRequest {
  const parts = partsOf(prompt).map((part) =>
    "text" in part ? { text: part.text } : { inlineData: { mimeType: part.file.mediaType, data: part.file.base64 } },
  );
  return {
    contents: [{ role: "user", parts }],
    metadata: { key: wireId },
    config: {
      ...(system !== undefined && { systemInstruction: { parts: [{ text: system }] } }),
      ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(schema && { responseMimeType: "application/json", responseJsonSchema: answerSchemaOf(schema) }),
    },
  };
}

async function create(client: GoogleGenAI, batch: NewBatch, signal?: AbortSignal): Promise<{ id: string; createdAt: Date }> {
  const label = labelOf(batch.key, batch.requests[0]?.index ?? 0);
  const created = await client.batches.create({
    model: batch.model,
    src: batch.requests.map(({ json }) => JSON.parse(json) as InlinedRequest),
    config: { displayName: `${batch.displayName} ${label}`, ...configOf(signal) },
  });
  return { id: created.name as string, createdAt: new Date(created.createTime as string) };
}

/** The order of the list is not documented, so all of it is read. */
async function find(client: GoogleGenAI, lost: LostBatch, signal?: AbortSignal): Promise<FoundBatch> {
  const label = labelOf(lost.key, lost.start);
  for await (const { displayName, name } of await client.batches.list({ config: { pageSize: 100, ...configOf(signal) } })) {
    if (name && displayName?.split(" ").at(-1) === label) return { state: "found", id: name };
  }
  return { state: "absent" };
}

const states: Record<string, BatchState> = {
  JOB_STATE_UNSPECIFIED: "pending",
  JOB_STATE_QUEUED: "pending",
  JOB_STATE_PENDING: "pending",
  JOB_STATE_RUNNING: "processing",
  JOB_STATE_SUCCEEDED: "completed",
  JOB_STATE_FAILED: "failed",
  JOB_STATE_CANCELLED: "cancelled",
};

function statusOf(job: BatchJob): BatchStatus {
  const results = resultsOf(job);
  const failed = results.filter(({ error }) => error !== undefined).length;
  const isExpired = job.state === "JOB_STATE_EXPIRED";
  const state = isExpired ? (results.length > 0 ? "completed" : "failed") : (states[job.state ?? ""] ?? "processing");
  const error = job.error?.message ?? (isExpired ? `batch ${job.name} expired with ${results.length} requests done` : undefined);
  return {
    state,
    processedCount: results.length,
    totalCount: results.length,
    succeededCount: results.length - failed,
    failedCount: failed,
    ...(error !== undefined && { error }),
    ...(isExpired && { isExpired }),
  };
}

function resultsOf(job: BatchJob): WireResult[] {
  return (job.dest?.inlinedResponses ?? []).map(resultOf);
}

function resultOf({ response, error, metadata }: InlinedResponse): WireResult {
  const usage = response?.usageMetadata;
  const thoughts = usage?.thoughtsTokenCount ?? 0;
  const problem = error ? `${error.code ?? "error"}: ${error.message ?? "no message"}` : problemOf(response);
  return {
    wireId: metadata?.["key"] ?? "",
    text: textOf(response),
    inputTokens: usage?.promptTokenCount ?? 0,
    outputTokens: (usage?.candidatesTokenCount ?? 0) + thoughts,
    cachedInputTokens: usage?.cachedContentTokenCount ?? 0,
    reasoningTokens: thoughts,
    ...(problem !== null && { error: problem }),
  };
}

function textOf(response: GenerateContentResponse | undefined): string {
  const parts = response?.candidates?.[0]?.content?.parts ?? [];
  return parts.flatMap(({ text, thought }) => (thought ? [] : [text ?? ""])).join("");
}

function problemOf(response: GenerateContentResponse | undefined): string | null {
  const blocked = response?.promptFeedback?.blockReason;
  if (blocked) return `The prompt was blocked: ${blocked}`;
  const reason = response?.candidates?.[0]?.finishReason as string | undefined;
  if (reason === "MAX_TOKENS") return "The answer was cut off at its token limit.";
  if (reason !== undefined && reason !== "STOP") return `The model stopped: ${reason}`;
  return response?.candidates?.length ? null : "The provider's answer has no text.";
}
