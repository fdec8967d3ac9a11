// OpenAI's models. Prices as checked on 2026-10-16 (newest) and 2026-06-21 (GPT-4.1, GPT-5, embeddings), of third-party readings of
// developers.openai.com/api/docs/pricing; set your own with registerModels where they have moved. Batch: half price.
import type { ModelConfig } from "./model-config.ts";

const chat = {
  provider: "openai",
  supportsAsyncBatch: true,
  batchDiscountPercent: 50,
  supportsTools: true,
  supportsStructuredOutputs: true,
};
const gpt6 = { ...chat, supportsTemperature: false, contextLength: 1_050_000, maxCompletionTokens: 128_000, pricesAsOf: "2026-10-16" };
const gpt5 = { ...chat, supportsTemperature: false, contextLength: 400_000, maxCompletionTokens: 128_000, pricesAsOf: "2026-06-21" };
const gpt41 = { ...chat, contextLength: 1_047_576, maxCompletionTokens: 32_768, pricesAsOf: "2026-06-21" };
const embedding = { provider: "openai", isEmbeddingModel: true, outputCostPerMillion: 0, contextLength: 8_191, pricesAsOf: "2026-06-21" };

/** Above 272,000 tokens of prompt the input costs twice as much and the output half as much again. */
const long = (input: number, cached: number, output: number) => ({
  inputCostPerMillion: input,
  cachedInputCostPerMillion: cached,
  cacheWriteCostPerMillion: input * 1.25,
  outputCostPerMillion: output,
  longPrompt: {
    overTokens: 272_000,
    inputCostPerMillion: input * 2,
    cachedInputCostPerMillion: cached * 2,
    cacheWriteCostPerMillion: input * 2.5,
    outputCostPerMillion: output * 1.5,
  },
});
const flat = (input: number, cached: number, output: number) => ({
  inputCostPerMillion: input,
  cachedInputCostPerMillion: cached,
  outputCostPerMillion: output,
});

/** OpenAI's models by key. */
export const OPENAI_MODELS = {
  "gpt-6-astra": { id: "gpt-6-astra", name: "GPT-6 Astra", ...gpt6, ...long(10, 1, 50) },
  "gpt-6.1-sol": { id: "gpt-6.1-sol", name: "GPT-6.1 Sol", ...gpt6, ...long(2, 0.1, 10) },
  "gpt-6-luna": { id: "gpt-6-luna", name: "GPT-6 Luna", ...gpt6, ...long(0.1, 0.01, 0.5) },
  "gpt-5.1": { id: "gpt-5.1", name: "GPT-5.1", ...gpt5, ...flat(1.25, 0.125, 10) },
  "gpt-5": { id: "gpt-5", name: "GPT-5", ...gpt5, ...flat(1.25, 0.125, 10) },
  "gpt-5-mini": { id: "gpt-5-mini", name: "GPT-5 mini", ...gpt5, ...flat(0.25, 0.025, 2) },
  "gpt-5-nano": { id: "gpt-5-nano", name: "GPT-5 nano", ...gpt5, ...flat(0.05, 0.005, 0.4) },
  "gpt-4.1": { id: "gpt-4.1", name: "GPT-4.1", ...gpt41, ...flat(2, 0.5, 8) },
  "gpt-4.1-mini": { id: "gpt-4.1-mini", name: "GPT-4.1 mini", ...gpt41, ...flat(0.4, 0.1, 1.6) },
  "gpt-4.1-nano": { id: "gpt-4.1-nano", name: "GPT-4.1 nano", ...gpt41, ...flat(0.1, 0.025, 0.4) },
  "gpt-4o-mini": {
    ...{ id: "gpt-4o-mini", name: "GPT-4o mini", ...chat, ...flat(0.15, 0.075, 0.6) },
    ...{ contextLength: 128_000, maxCompletionTokens: 16_384, pricesAsOf: "2026-06-21" },
  },
  "text-embedding-3-small": { id: "text-embedding-3-small", name: "Text embedding 3 small", ...embedding, inputCostPerMillion: 0.02 },
  "text-embedding-3-large": { id: "text-embedding-3-large", name: "Text embedding 3 large", ...embedding, inputCostPerMillion: 0.13 },
} as const satisfies Record<string, ModelConfig>;
