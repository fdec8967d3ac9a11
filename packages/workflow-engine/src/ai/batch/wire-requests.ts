// The requests of a batch as its provider takes them, the split that its record remembers, and a digest by which the same work is known.
import { hashText } from "../../define/fingerprint.ts";
import { FatalError } from "../../errors.ts";
import type { AIBatchRequest } from "./ai-batch-types.ts";
import type { BatchDesk } from "./batch-desk.ts";
import type { BatchRequest } from "./batch-provider.ts";
import type { BatchRecord } from "./batch-record.ts";
import { type Chunk, chunksOf } from "./chunked-provider.ts";

/** The provider's requests, with the stage's settings as defaults; throws FATAL for two of one id. */
export function wireRequestsOf({ modelId, defaults }: BatchDesk, requests: readonly AIBatchRequest[]): BatchRequest[] {
  const seen = new Set<string>();
  return requests.map(({ id, prompt, schema, system, maxTokens, temperature }) => {
    if (seen.has(id)) throw new FatalError(`Two requests of the batch have the id "${id}". Give each its own.`);
    seen.add(id);
    const limits = { maxTokens: maxTokens ?? defaults.maxTokens, temperature: temperature ?? defaults.temperature };
    return { customId: id, model: modelId, prompt, schema, system, ...limits };
  });
}

/** The parts' requests, split where the record says, whatever the limits are now. */
export function partsOfRecord(record: BatchRecord, { batches, modelId }: BatchDesk, wire: readonly BatchRequest[]): Chunk[] {
  const all = chunksOf({ ...batches, limits: { requests: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY } }, wire, record.key);
  const requests = all.flatMap((chunk) => chunk.requests);
  return record.parts.map(({ start, count }) => ({ model: modelId, requests: requests.slice(start, start + count) }));
}

/** A digest of everything that is asked. Synchronous, so that a simulated world repeats itself. */
export function hashOf({ batches, modelId }: BatchDesk, wire: readonly BatchRequest[]): string {
  let hash = `${batches.name} ${modelId}`;
  for (const [index, request] of wire.entries()) {
    hash = hashText(`${hash}\n${JSON.stringify(batches.toWire(request, `x-${index}-${request.customId}`))}`);
  }
  return hash;
}
