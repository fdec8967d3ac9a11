// Prices are exact, and an unknown one stays unknown.
import { describe, expect, it } from "vitest";
import type { ModelConfig } from "./model-config.ts";
import { costPicoOf, toDollars, toPicoDollars, worstCostPicoOf } from "./pico-price.ts";

const model: ModelConfig = {
  ...{ id: "m", name: "M", provider: "openai", inputCostPerMillion: 0.3, outputCostPerMillion: 2.5, batchDiscountPercent: 50 },
  ...{ cachedInputCostPerMillion: 0.03, cacheWriteCostPerMillion: 0.375 },
  longPrompt: { overTokens: 1_000, inputCostPerMillion: 0.6, outputCostPerMillion: 5 },
};

describe("cost in pico-dollars", () => {
  it("is tokens times price, exactly", () => {
    expect(costPicoOf(model, { inputTokens: 7, outputTokens: 3 })).toBe(7n * 300_000n + 3n * 2_500_000n);
  });

  it("takes cached and cache-writing input at their own prices", () => {
    const usage = { inputTokens: 100, outputTokens: 0, cachedInputTokens: 60, cacheWriteTokens: 10 };
    expect(costPicoOf(model, usage)).toBe(30n * 300_000n + 60n * 30_000n + 10n * 375_000n);
  });

  it("takes a long prompt at its own prices, output included", () => {
    expect(costPicoOf(model, { inputTokens: 1_001, outputTokens: 2 })).toBe(1_001n * 600_000n + 2n * 5_000_000n);
  });

  it("takes the discount off in a batch", () => {
    expect(costPicoOf(model, { inputTokens: 10, outputTokens: 0 }, { isBatch: true })).toBe(1_500_000n);
  });

  it("is unknown, not 0, when the price is", () => {
    const unpriced = { ...model, outputCostPerMillion: Number.NaN };
    expect(costPicoOf(unpriced, { inputTokens: 1, outputTokens: 0 })).toBeNull();
    expect(toDollars(null)).toBeNaN();
    expect(toPicoDollars(Number.NaN)).toBeNull();
  });

  it("is never more than the worst case of the same tokens", () => {
    const worst = worstCostPicoOf(model, { inputTokens: 100, outputTokens: 10 }) ?? 0n;
    for (const cacheWriteTokens of [0, 50, 100]) {
      expect(costPicoOf(model, { inputTokens: 100, outputTokens: 10, cacheWriteTokens })! <= worst).toBe(true);
    }
  });
});
