// The catalogue and what is registered over it.
import { describe, expect, it } from "vitest";
import {
  getBatchCompatibleModels,
  getBestProviderForModel,
  getProviderModelId,
  isModelSupported,
  resolveModelForProvider,
} from "./batch-models.ts";
import { DEFAULT_MODEL_KEY } from "./keys.ts";
import { ModelStatsTracker } from "./model-stats-tracker.ts";
import {
  AVAILABLE_MODELS,
  calculateCost,
  getDefaultModel,
  getModel,
  getModelById,
  getRegisteredModel,
  listModels,
  modelSupportsBatch,
  printAvailableModels,
  registerModels,
} from "./registry.ts";

describe("models", () => {
  it("has the default model, and prices it", () => {
    expect(getDefaultModel()).toBe(getModel(DEFAULT_MODEL_KEY));
    expect(calculateCost(DEFAULT_MODEL_KEY, 1_000_000, 1_000_000)).toEqual({ inputCost: 0.3, outputCost: 2.5, totalCost: 2.8 });
  });

  it("names the models there are when one is missing", () => {
    expect(() => getModel("nope")).toThrow(`Model "nope" not found. Available models: ${Object.keys(AVAILABLE_MODELS).join(", ")}`);
    expect(() => getModel("toString")).toThrow("not found");
  });

  it("states a date with every price it knows, and says unknown otherwise", () => {
    for (const [key, model] of Object.entries(AVAILABLE_MODELS)) {
      const isKnown = Number.isFinite(model.inputCostPerMillion);
      expect([key, model.pricesAsOf !== undefined]).toEqual([key, isKnown]);
    }
    expect(calculateCost("glm-5.2", 1, 1).totalCost).toBeNaN();
    const lines: string[] = [];
    printAvailableModels((line) => lines.push(line));
    expect(lines.find((line) => line.startsWith("glm-5.2"))).toContain("unknown");
  });

  it("takes registered models, over those of the catalogue too", () => {
    const before = getModel("gpt-4.1-nano");
    registerModels({ mine: { ...before, id: "mine-1" }, "gpt-4.1-nano": { ...before, inputCostPerMillion: 42 } });
    expect([getModel("mine").id, getRegisteredModel("mine")?.id, getModelById("mine-1")?.name]).toEqual(["mine-1", "mine-1", before.name]);
    expect(getModel("gpt-4.1-nano").inputCostPerMillion).toBe(42);
    registerModels({ "gpt-4.1-nano": before });
  });

  it("filters", () => {
    expect(listModels({ isEmbeddingModel: true, provider: "google" }).map(({ key }) => key)).toEqual(["gemini-embedding-001"]);
  });

  it("knows whose batches take a model, and under which id", () => {
    expect([modelSupportsBatch("claude-haiku-4.5"), modelSupportsBatch("glm-5.2")]).toEqual([true, false]);
    expect(getBestProviderForModel("claude-haiku-4.5")).toBe("anthropic");
    expect(getProviderModelId("claude-haiku-4.5", "anthropic")).toBe("claude-haiku-4-5-20251001");
    expect([isModelSupported("gpt-5", "openai"), isModelSupported("gpt-5", "google"), isModelSupported("nope", "google")]).toEqual([
      true,
      false,
      false,
    ]);
    expect(() => resolveModelForProvider("gpt-5", "google")).toThrow(`Model "gpt-5" cannot be batched by provider "google"`);
    registerModels({ routed: { ...getModel("claude-haiku-4.5"), id: "anthropic/claude-sonnet-4.5", provider: "openrouter" } });
    expect(resolveModelForProvider("routed", "anthropic")).toBe("claude-sonnet-4-5");
    expect(getBatchCompatibleModels()).toContain("routed");
  });

  it("tracks what models were used for", () => {
    const tracker = new ModelStatsTracker();
    tracker.record(DEFAULT_MODEL_KEY, 1_000_000, 0);
    tracker.record(DEFAULT_MODEL_KEY, 0, 1_000_000);
    expect(tracker.getStats(DEFAULT_MODEL_KEY)).toMatchObject({ calls: 2, totalTokens: 2_000_000, cost: 2.8 });
    expect(tracker.getTotals().calls).toBe(2);
  });
});
