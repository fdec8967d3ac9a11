// What a batch costs: the most it can before it is submitted (reserved in the ledger, P23), and what each of its results did.
import { costPicoOf, picoPricesOf } from "../../models/pico-price.ts";
import type { CallOrigin, CallUsage, ClosedCall } from "../../ports/ledger.ts";
import type { Prompt } from "../prompt.ts";
import { unboundedAnswerTokens } from "../request-bounds.ts";
import type { AIBatchResult } from "./ai-batch-types.ts";
import type { BatchDesk } from "./batch-desk.ts";
import type { BatchRequest } from "./batch-provider.ts";
import { partsOf } from "./content-parts.ts";

const overheadTokens = 64;

/** The most that a batch can use: a token is at least a byte, a file at most the model's context. */
export function worstOf({ model, batches }: BatchDesk, requests: readonly BatchRequest[]): CallUsage {
  const worst: CallUsage = { inputTokens: 0, outputTokens: 0, costPico: 0n };
  const encoder = new TextEncoder();
  for (const request of requests) {
    const hasFile = partsOf(request.prompt).some((part) => "file" in part);
    const sent = encoder.encode(JSON.stringify(batches.toWire(request, "x"))).length + overheadTokens;
    const context = model.contextLength ?? Number.POSITIVE_INFINITY;
    const inputTokens = hasFile && model.contextLength !== undefined ? model.contextLength : Math.min(sent, context);
    const outputTokens = request.maxTokens ?? model.maxCompletionTokens ?? unboundedAnswerTokens;
    const cost = costPicoOf(model, { inputTokens, outputTokens }, { isBatch: true });
    worst.inputTokens += inputTokens;
    worst.outputTokens += outputTokens;
    worst.costPico = worst.costPico === null || cost === null ? null : worst.costPico + cost;
  }
  return worst;
}

/** A result as the ledger keeps it. `isBillKnown` is false for one that the provider lost, which may have been charged for. */
export function closedCallOf(
  { topic, model, modelId }: BatchDesk,
  origin: CallOrigin,
  batchId: string,
  result: AIBatchResult,
  prompt: Prompt,
  isBillKnown: boolean,
): ClosedCall {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, text } = result;
  const prices = picoPricesOf(model, inputTokens);
  const tokens = { inputTokens, outputTokens, cachedInputTokens, reasoningTokens };
  return {
    ...{ topic, callType: "batch", modelKey: model.key, modelId, prompt: promptTextOf(prompt), response: text, ...origin },
    usage: { ...tokens, costPico: isBillKnown ? costPicoOf(model, tokens, { isBatch: true }) : null },
    price: prices && { inputPico: prices.inputPico, outputPico: prices.outputPico, asOf: model.pricesAsOf ?? null },
    status: result.status === "succeeded" ? "ok" : "failed",
    error: result.status === "failed" ? result.error : undefined,
    metadata: { batchId, requestId: result.id },
  };
}

/** The text of a prompt, without the bytes of its files. */
export function promptTextOf(prompt: Prompt): string {
  if (typeof prompt === "string") return prompt;
  return prompt.map((part) => (part.type === "text" ? part.text : `[${part.mediaType}]`)).join("\n");
}
