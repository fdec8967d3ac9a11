// From a provider's results to those of `ai.batch`: each is a value that fits its schema, or an error (P24), and each goes into the ledger
// once, at the price of batches (P23).
import type { CallOrigin } from "../../ports/ledger.ts";
import type { AIBatchRequest, AIBatchResult } from "./ai-batch-types.ts";
import { parseAnswer } from "./answer-schema.ts";
import { closedCallOf } from "./batch-costs.ts";
import type { BatchDesk } from "./batch-desk.ts";
import type { BatchResult } from "./batch-provider.ts";
import { noResult } from "./chunked-provider.ts";

/** Checks every answer by the schema of its request. */
export async function judge(
  results: readonly BatchResult[],
  ids: readonly (string | undefined)[],
  requests: ReadonlyMap<string, AIBatchRequest>,
): Promise<AIBatchResult[]> {
  return Promise.all(
    results.map(async ({ index, customId, text, error, inputTokens, outputTokens, cachedInputTokens, reasoningTokens }) => {
      const id = ids[index] ?? customId ?? String(index);
      const head = { id, index, text, inputTokens, outputTokens, cachedInputTokens, reasoningTokens };
      if (error !== undefined) return { ...head, status: "failed" as const, error };
      const parsed = await parseAnswer(text, requests.get(id)?.schema);
      return parsed.ok
        ? { ...head, status: "succeeded" as const, value: parsed.value }
        : { ...head, status: "failed" as const, error: parsed.error };
    }),
  );
}

/** Records results once. `isWhole` is false for a batch that did not come to its end: what it gave no result for was not billed. */
export async function recordOnce(
  desk: BatchDesk,
  batchId: string,
  results: readonly AIBatchResult[],
  options: {
    requests: ReadonlyMap<string, AIBatchRequest>;
    isWhole: boolean;
    origin?: CallOrigin | undefined;
    stoodForBy?: string | undefined;
  },
): Promise<boolean> {
  const { requests, isWhole, origin = desk.origin, stoodForBy } = options;
  const calls = results.map((result) => {
    const isLost = result.status === "failed" && result.error === noResult && isWhole;
    return closedCallOf(desk, origin, batchId, result, requests.get(result.id)?.prompt ?? "", !isLost);
  });
  const isFirst = await desk.ledger.recordBatch(batchId, calls, stoodForBy);
  if (isFirst) for (const { usage } of calls) desk.onEnd?.(usage);
  return isFirst;
}
