// Model calls: topics match whole segments, batches count once, sums per model.
import { beforeEach, describe, expect, it } from "vitest";
import type { AICallInput } from "../ports/ledger.ts";
import { InMemoryAICallLogger } from "./memory-ai-call-logger.ts";

let logger: InMemoryAICallLogger;
beforeEach(() => {
  logger = new InMemoryAICallLogger();
});

const call = (topic: string, fields: Partial<AICallInput> = {}): AICallInput => ({
  ...{ topic, callType: "text", modelKey: "m", modelId: "id-m", prompt: "p", response: "r", inputTokens: 2, outputTokens: 3, cost: 0.5 },
  ...fields,
});

describe("InMemoryAICallLogger", () => {
  it("matches topic prefixes by whole segments", async () => {
    for (const topic of ["workflow.1", "workflow.1.stage.a", "workflow.10", "other"]) logger.logCall(call(topic));
    expect(logger.getCallsByTopicPrefix("workflow.1").map(({ topic }) => topic)).toEqual(["workflow.1", "workflow.1.stage.a"]);
    expect(logger.getCallsByTopicPrefix("workflow")).toHaveLength(3);
    expect(logger.getCallsByTopic("workflow.1")).toHaveLength(1);
    expect((await logger.getStats("workflow.1")).totalCalls).toBe(2);
    expect((await logger.getStats("")).totalCalls).toBe(4);
  });

  it("sums per model", async () => {
    logger.logCall(call("t"));
    logger.logCall(call("t", { modelKey: "n", callType: "embed", cost: 1 }));
    expect(await logger.getStats("t")).toEqual({
      totalCalls: 2,
      totalInputTokens: 4,
      totalOutputTokens: 6,
      totalCost: 1.5,
      perModel: { m: { calls: 1, inputTokens: 2, outputTokens: 3, cost: 0.5 }, n: { calls: 1, inputTokens: 2, outputTokens: 3, cost: 1 } },
    });
    expect([logger.getTotalCost(), logger.getTotalTokens(), logger.getCallCount()]).toEqual([1.5, 10, 2]);
    expect([logger.getCallsByModel("n").length, logger.getCallsByType("text").length, logger.getLastCall()?.modelKey]).toEqual([1, 1, "n"]);
  });

  it("logs a batch once", async () => {
    await logger.logBatchResults("b", [call("t"), call("t")]);
    await logger.logBatchResults("b", [call("t")]);
    expect([logger.getCallCount(), await logger.isRecorded("b"), await logger.isRecorded("c")]).toEqual([2, true, false]);
    expect(logger.getRecordedBatchIds()).toEqual(["b"]);
    logger.clear();
    expect([logger.getCallCount(), logger.getLastCall(), await logger.isRecorded("b")]).toEqual([0, null, false]);
  });

  it("finds calls by fields or by a test, and hands out copies", () => {
    logger.logCall(call("t", { metadata: { a: 1 } }));
    logger.getAllCalls()[0]!.metadata!["a"] = 2;
    expect(logger.hasCallMatching({ topic: "t", metadata: { a: 1 } })).toBe(true);
    expect(logger.hasCallMatching({ topic: "u" })).toBe(false);
    expect(logger.hasCallMatching(({ cost }) => cost > 1)).toBe(false);
  });
});
