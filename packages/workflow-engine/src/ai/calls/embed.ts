// Vectors of texts; more texts than the provider takes at a time go in several requests, each on the ledger.

import type { EmbedOptions, EmbedResult } from "../helper-types.ts";
import { loadSdk } from "../load-sdk.ts";
import { meteredEmbeddingModel } from "../metered-models.ts";
import type { PreparedCall } from "../prepared-call.ts";

const defaultDimensions = 768;

/** Embeds one text or several. */
export async function embed(call: PreparedCall, text: string | readonly string[], options: EmbedOptions): Promise<EmbedResult> {
  const values = typeof text === "string" ? [text] : [...text];
  const dimensions = options.dimensions ?? defaultDimensions;
  if (values.length === 0) return { embedding: [], embeddings: [], dimensions, inputTokens: 0, cost: 0 };
  const sdk = await loadSdk();
  const model = await meteredEmbeddingModel(await call.resolve("embedding", { dimensions }), call.context, call.metered);
  const { embeddings } = await sdk.embedMany({
    model,
    values,
    dimensions,
    providerOptions: embedOptions(call.model.provider, options) as never,
    maxRetries: 0,
    ...(call.metered.signal && { abortSignal: call.metered.signal }),
  });
  const { inputTokens, cost } = call.usage();
  return { embedding: embeddings[0] ?? [], embeddings, dimensions: embeddings[0]?.length ?? dimensions, inputTokens, cost };
}

/** Google alone knows what an embedding is for. */
function embedOptions(provider: string, { taskType, providerOptions = {} }: EmbedOptions): Record<string, Record<string, unknown>> {
  if (provider !== "google" || taskType === undefined) return providerOptions;
  return { ...providerOptions, google: { taskType, ...providerOptions["google"] } };
}
