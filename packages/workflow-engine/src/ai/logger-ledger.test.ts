// A logger of the older port under the helper: calls are logged when they are over; what it cannot keep is refused, not forgotten.
import { describe, expect, it } from "vitest";
import type { AICallInput, AICallLogger } from "../ports/ledger.ts";
import { createMockProvider, type MockScript } from "../testing/ai/mock-provider.ts";
import { createAIHelper, type HelperBinding } from "./helper.ts";

function setting(script?: MockScript, binding: HelperBinding = {}, awaited = false) {
  const calls: AICallInput[] = [];
  const stats = { totalCalls: 0, totalInputTokens: 0, totalOutputTokens: 0, totalCost: 0, perModel: {} };
  const logger: AICallLogger = {
    logCall: (call) => void calls.push(call),
    logBatchResults: async (_, results) => void calls.push(...results),
    getStats: async () => stats,
    isRecorded: async () => false,
    ...(awaited && { record: async (call: AICallInput) => void calls.push({ ...call, metadata: { ...call.metadata, awaited: true } }) }),
  };
  return { calls, ai: createAIHelper("t", logger, undefined, createMockProvider(script).resolver, binding) };
}

describe("a logger without a ledger", () => {
  it("gets each call once, with status and latency in its metadata", async () => {
    const { ai, calls } = setting([{ text: "yes", inputTokens: 1_000_000, outputTokens: 0 }]);
    await ai.generateText("gemini-2.5-flash", "q");
    expect(calls).toMatchObject([{ topic: "t", response: "yes", cost: 0.3, metadata: { status: "ok" } }]);
  });

  it("is awaited where it can be", async () => {
    const { ai, calls } = setting(["yes"], {}, true);
    await ai.generateText("gemini-2.5-flash", "q");
    expect(calls).toMatchObject([{ metadata: { awaited: true } }]);
  });

  it("gets failures too, and an unknown cost as its worst case", async () => {
    const { ai, calls } = setting([{ error: "lost" }, { error: { status: 400 } }]);
    for (let i = 0; i < 2; i++) await ai.generateText("gemini-2.5-flash", "q", { maxTokens: 9 }).catch(() => undefined);
    expect(calls).toMatchObject([
      { outputTokens: 9, metadata: { status: "failed", isEstimated: true } },
      { cost: 0, metadata: { status: "failed" } },
    ]);
  });

  it("keeps no budget, and says so", async () => {
    const { ai } = setting(["yes"], { stageBudget: { usdPico: 1n, tokens: null } });
    await expect(ai.generateText(undefined, "q")).rejects.toMatchObject({ code: "NOT_CONFIGURED" });
  });
});
