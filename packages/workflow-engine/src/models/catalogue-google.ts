// Google's Gemini models. Prices as checked on 2026-10-07 (3.5 Flash and 2.5: 2026-07), of third-party readings of
// ai.google.dev/gemini-api/docs/pricing; set your own with registerModels where they have moved. Batch: half price. What Google has
// announced for 2027 (3.8 Flash at twice its price) is not here yet.
import type { ModelConfig } from "./model-config.ts";

const gemini = {
  provider: "google",
  supportsAsyncBatch: true,
  batchDiscountPercent: 50,
  supportsTools: true,
  supportsStructuredOutputs: true,
  contextLength: 1_048_576,
  maxCompletionTokens: 65_536,
};

const prices = (input: number, cached: number, output: number, pricesAsOf: string) => ({
  inputCostPerMillion: input,
  cachedInputCostPerMillion: cached,
  outputCostPerMillion: output,
  pricesAsOf,
});

/** Google's models by key. */
export const GOOGLE_MODELS = {
  "gemini-3.8-flash": { id: "gemini-3.8-flash", name: "Gemini 3.8 Flash", ...gemini, ...prices(0.75, 0.075, 3.75, "2026-10-07") },
  "gemini-3.5-flash": { id: "gemini-3.5-flash", name: "Gemini 3.5 Flash", ...gemini, ...prices(1.5, 0.15, 9, "2026-07-01") },
  "gemini-3.1-pro": {
    ...{ id: "gemini-3.1-pro-preview", name: "Gemini 3.1 Pro", ...gemini, ...prices(2, 0.2, 12, "2026-07-01") },
    longPrompt: { overTokens: 200_000, inputCostPerMillion: 4, cachedInputCostPerMillion: 0.4, outputCostPerMillion: 18 },
  },
  "gemini-2.5-pro": {
    ...{ id: "gemini-2.5-pro", name: "Gemini 2.5 Pro", ...gemini, ...prices(1.25, 0.125, 10, "2026-07-01") },
    longPrompt: { overTokens: 200_000, inputCostPerMillion: 2.5, cachedInputCostPerMillion: 0.25, outputCostPerMillion: 15 },
  },
  "gemini-2.5-flash": { id: "gemini-2.5-flash", name: "Gemini 2.5 Flash", ...gemini, ...prices(0.3, 0.03, 2.5, "2026-07-01") },
  "gemini-2.5-flash-lite": {
    id: "gemini-2.5-flash-lite",
    name: "Gemini 2.5 Flash-Lite",
    ...gemini,
    ...prices(0.1, 0.01, 0.4, "2026-07-01"),
  },
  "gemini-embedding-001": {
    ...{ id: "gemini-embedding-001", name: "Gemini Embedding 001", provider: "google", isEmbeddingModel: true },
    ...{ inputCostPerMillion: 0.15, outputCostPerMillion: 0, contextLength: 2_048, pricesAsOf: "2026-04-01" },
  },
} as const satisfies Record<string, ModelConfig>;
