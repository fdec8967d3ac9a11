// What all providers share: a batch of any size is split at the provider's limits into several of its batches and reads as one; every
// request gets exactly one result, in the order it was asked (P24).
import { WorkflowEngineError } from "../../errors.ts";
import type {
  BatchHandle,
  BatchLogger,
  BatchProvider,
  BatchRequest,
  BatchResult,
  BatchState,
  BatchStatus,
  BatchSubmitOptions,
} from "./batch-provider.ts";
import type { NewBatch, ProviderBatches, WireRequest, WireResult } from "./provider-batches.ts";
import { carriesCustomId, keyOf, readWireId, wireIdOf } from "./wire-id.ts";

/** Requests that make one provider batch. */
export interface Chunk {
  model: string;
  requests: WireRequest[];
}

/** Splits requests at the provider's limits; those of one model stay together, in their order. */
export function chunksOf(provider: ProviderBatches, requests: readonly BatchRequest[], key: string): Chunk[] {
  const open = new Map<string, { chunk: Chunk; bytes: number }>();
  const chunks: Chunk[] = [];
  const encoder = new TextEncoder();
  for (const [index, request] of requests.entries()) {
    const json = JSON.stringify(provider.toWire(request, wireIdOf(key, index, request.customId)));
    const bytes = encoder.encode(json).length + 1;
    if (bytes > provider.limits.bytes) {
      throw new WorkflowEngineError(
        "PAYLOAD_TOO_LARGE",
        `Request ${request.customId ?? index} has ${bytes} bytes; a batch of ${provider.name} takes ${provider.limits.bytes}. Make it smaller.`,
      );
    }
    const current = open.get(request.model);
    const isFull = current && (current.chunk.requests.length >= provider.limits.requests || current.bytes + bytes > provider.limits.bytes);
    if (current && !isFull) {
      current.chunk.requests.push({ index, json });
      current.bytes += bytes;
      continue;
    }
    const chunk: Chunk = { model: request.model, requests: [{ index, json }] };
    chunks.push(chunk);
    open.set(request.model, { chunk, bytes });
  }
  return chunks;
}

/** Refuses what no provider takes. */
export function assertNotEmpty(requests: readonly unknown[]): void {
  if (requests.length === 0) throw new WorkflowEngineError("INVALID_INPUT", "Cannot submit empty batch");
}

/** The ids of the provider's batches behind a handle's id. */
export function batchIdsOf(id: string): string[] {
  return id.split(",").filter((one) => one !== "");
}

/** Several looks as one. */
export function mergeStatus(all: readonly BatchStatus[]): BatchStatus {
  const sum = (pick: (status: BatchStatus) => number | undefined): number => all.reduce((total, one) => total + (pick(one) ?? 0), 0);
  const errors = all.flatMap(({ error }) => error ?? []);
  return {
    state: mergeState(all.map(({ state }) => state)),
    processedCount: sum((one) => one.processedCount),
    totalCount: sum((one) => one.totalCount),
    succeededCount: sum((one) => one.succeededCount),
    failedCount: sum((one) => one.failedCount),
    ...(errors.length > 0 && { error: [...new Set(errors)].join("; ") }),
    ...(all.some(({ isExpired }) => isExpired) && { isExpired: true }),
  };
}

function mergeState(states: readonly BatchState[]): BatchState {
  if (states.every((state) => state === "pending")) return "pending";
  if (states.some((state) => state === "pending" || state === "processing")) return "processing";
  return (["completed", "cancelled"] as const).find((state) => states.includes(state)) ?? "failed";
}

/** Puts results in the order of their requests; a request without one gets a result that says so. */
export function orderResults(results: readonly WireResult[], count: number, customIds?: readonly (string | undefined)[]): BatchResult[] {
  const ordered: Array<BatchResult | undefined> = Array.from({ length: count });
  for (const { wireId, ...result } of results) {
    const known = readWireId(wireId);
    if (!known || known.index >= count) continue;
    const customId = customIds?.[known.index] ?? known.customId;
    const before = ordered[known.index];
    if (before && before.error === undefined) continue; // an answer is not undone by a second line about it
    ordered[known.index] = { index: known.index, ...(customId !== undefined && { customId }), ...result };
  }
  return ordered.map((result, index) => result ?? missing(index, customIds?.[index]));
}

/** The error of a request that has no result. */
export const noResult = "The provider gave no result for this request.";

function missing(index: number, customId: string | undefined): BatchResult {
  return { index, ...(customId !== undefined && { customId }), text: "", inputTokens: 0, outputTokens: 0, error: noResult };
}

/** A provider's batches over the part that is its own. */
export abstract class ChunkedProvider implements BatchProvider {
  /** The provider's own part; for those who keep batches over a crash. */
  abstract readonly batches: ProviderBatches;
  protected readonly logger: BatchLogger | undefined;
  readonly #newKey: () => string;

  constructor(logger: BatchLogger | undefined, newKey: () => string) {
    this.logger = logger;
    this.#newKey = newKey;
  }

  get name(): ProviderBatches["name"] {
    return this.batches.name;
  }

  async submit(requests: readonly BatchRequest[], options: BatchSubmitOptions = {}): Promise<BatchHandle> {
    assertNotEmpty(requests);
    const key = keyOf(this.#newKey());
    const created: Array<{ id: string; createdAt: Date }> = [];
    try {
      for (const chunk of chunksOf(this.batches, requests, key)) created.push(await this.batches.create(newBatchOf(key, chunk, options)));
    } catch (error) {
      // half a batch is nobody's: what was created before the refusal is stopped, as far as it can be
      await Promise.allSettled(created.map(({ id }) => this.batches.cancel(id)));
      throw error;
    }
    const customIds = requests.map(({ customId }) => customId);
    const isCarried = customIds.every((customId, index) => carriesCustomId(key, index, customId));
    return {
      id: created.map(({ id }) => id).join(","),
      provider: this.name,
      requestCount: requests.length,
      createdAt: created[0]?.createdAt as Date,
      metadata: { ...options.metadata, key, ...(!isCarried && { customIds }) },
    };
  }

  async checkStatus({ id, requestCount }: BatchHandle): Promise<BatchStatus> {
    const status = mergeStatus(await Promise.all(batchIdsOf(id).map((one) => this.batches.check(one))));
    return { ...status, totalCount: Math.max(status.totalCount, requestCount) }; // not every provider counts what it has not begun
  }

  async getResults({ id, requestCount, metadata }: BatchHandle): Promise<BatchResult[]> {
    const all: WireResult[] = [];
    for (const one of batchIdsOf(id)) all.push(...(await this.batches.read(one)));
    const customIds = Array.isArray(metadata?.["customIds"]) ? (metadata["customIds"] as string[]) : undefined;
    return orderResults(all, requestCount, customIds);
  }

  async cancel({ id }: BatchHandle): Promise<void> {
    await Promise.all(batchIdsOf(id).map((one) => this.batches.cancel(one)));
  }
}

function newBatchOf(key: string, { model, requests }: Chunk, options: BatchSubmitOptions): NewBatch {
  const { displayName = "workflow-engine", completionWindow = "24h", metadata = {} } = options;
  return { key, model, requests, displayName, completionWindow, metadata };
}
