// Anthropic's models. Prices as checked on 2026-10-24, of third-party readings of platform.claude.com's pricing page; set your own
// with registerModels where they have moved. Batch: half price. Cache writes are priced as those of five minutes.
import type { ModelConfig } from "./model-config.ts";

const claude = {
  provider: "anthropic",
  supportsAsyncBatch: true,
  batchDiscountPercent: 50,
  supportsTools: true,
  supportsStructuredOutputs: true,
  pricesAsOf: "2026-10-24",
};
const large = { ...claude, contextLength: 1_000_000, maxCompletionTokens: 128_000 };
const small = { ...claude, contextLength: 200_000, maxCompletionTokens: 64_000 };

const prices = (input: number, cached: number, output: number) => ({
  inputCostPerMillion: input,
  cachedInputCostPerMillion: cached,
  cacheWriteCostPerMillion: input * 1.25,
  outputCostPerMillion: output,
});

/** Anthropic's models by key. */
export const ANTHROPIC_MODELS = {
  "claude-fable-5.1": { id: "claude-fable-5-1", name: "Claude Fable 5.1", ...large, ...prices(10, 0.25, 50) },
  "claude-opus-5.5": { id: "claude-opus-5-5", name: "Claude Opus 5.5", ...large, ...prices(4, 0.2, 20) },
  "claude-opus-5": { id: "claude-opus-5", name: "Claude Opus 5", ...large, ...prices(5, 0.5, 25) },
  "claude-sonnet-5.5": { id: "claude-sonnet-5-5", name: "Claude Sonnet 5.5", ...large, ...prices(2, 0.1, 10) },
  "claude-haiku-5.5": {
    ...{ id: "claude-haiku-5-5", name: "Claude Haiku 5.5", ...large, ...prices(0.1, 0.01, 0.5) },
    longPrompt: { overTokens: 100_000, ...prices(0.5, 0.05, 2.5) },
  },
  "claude-sonnet-4.5": { id: "claude-sonnet-4-5-20250929", name: "Claude Sonnet 4.5", ...small, ...prices(3, 0.3, 15) },
  "claude-haiku-4.5": { id: "claude-haiku-4-5-20251001", name: "Claude Haiku 4.5", ...small, ...prices(1, 0.1, 5) },
} as const satisfies Record<string, ModelConfig>;
