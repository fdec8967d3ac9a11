// The AICallLogger port: calls by topic, batches once.
import type { AICallInput, AICallLogger } from "../../ports/ledger.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent } from "../claims.ts";
import { claim, type Suite } from "../suite.ts";

const requires = ["aiCallLogger"] as const;

function callOf(topic: string, fields: Partial<AICallInput> = {}): AICallInput {
  const texts = { callType: "text", modelKey: "m1", modelId: "vendor/m1", prompt: "p", response: "r" } as const;
  return { topic, ...texts, inputTokens: 10, outputTokens: 5, cost: 0.25, ...fields };
}

const loggerOf = ({ store }: Bench): AICallLogger => expectPresent(store.aiCallLogger, "the logger");

/** Sums once what was logged without waiting has arrived. */
async function stats(bench: Bench, prefix: string) {
  await bench.settle();
  return loggerOf(bench).getStats(prefix);
}

/** The AICallLogger port. */
export const aiCallLoggerSuite: Suite = {
  name: "AICallLogger",
  cases: [
    claim(
      "port",
      "calls are summed below a topic, in all and by model",
      async (bench) => {
        const logger = loggerOf(bench);
        logger.logCall(callOf("workflow.1.stage.a"));
        logger.logCall(callOf("workflow.1.stage.b", { modelKey: "m2", inputTokens: 1, outputTokens: 2, cost: 0.5 }));
        logger.logCall(callOf("workflow.2"));
        expectMatch(await stats(bench, "workflow.1"), {
          ...{ totalCalls: 2, totalInputTokens: 11, totalOutputTokens: 7, totalCost: 0.75 },
          perModel: { m1: { calls: 1, inputTokens: 10, outputTokens: 5, cost: 0.25 }, m2: { calls: 1, cost: 0.5 } },
        });
      },
      { requires },
    ),
    claim(
      "port",
      "prefixes match whole segments: workflow.1 is not workflow.10, and nothing in it is a pattern",
      async (bench) => {
        const logger = loggerOf(bench);
        for (const topic of ["workflow.1", "workflow.1.stage.a", "workflow.10", "workflow.1x", "work%low.1", "workflow_1.a"])
          logger.logCall(callOf(topic));
        expectEqual((await stats(bench, "workflow.1")).totalCalls, 2);
        expectEqual((await stats(bench, "work%")).totalCalls, 0);
        expectEqual((await stats(bench, "workflow_1")).totalCalls, 1);
        expectEqual((await stats(bench, "nothing")).totalCalls, 0);
      },
      { requires },
    ),
    claim(
      "port",
      "a batch is recorded once, however often it is told",
      async (bench) => {
        const logger = loggerOf(bench);
        expectEqual(await logger.isRecorded("b1"), false);
        const results = [callOf("t.a", { callType: "batch" }), callOf("t.b", { callType: "batch" })];
        await logger.logBatchResults("b1", results);
        await logger.logBatchResults("b1", results);
        expectEqual([await logger.isRecorded("b1"), await logger.isRecorded("b2")], [true, false]);
        expectEqual((await stats(bench, "t")).totalCalls, 2);
      },
      { requires },
    ),
    claim(
      "port",
      "rivals that record one batch at once record it once",
      async (bench) => {
        const logger = loggerOf(bench);
        await bench.pass(Promise.all(Array.from({ length: 5 }, () => logger.logBatchResults("b1", [callOf("t")]))));
        expectEqual((await stats(bench, "t")).totalCalls, 1);
      },
      { requires },
    ),
    claim(
      "port",
      "small costs add up, and an empty log is all zeros",
      async (bench) => {
        const logger = loggerOf(bench);
        expectMatch(await stats(bench, "t"), { totalCalls: 0, totalInputTokens: 0, totalOutputTokens: 0, totalCost: 0, perModel: {} });
        for (let i = 0; i < 10; i++) logger.logCall(callOf("t", { cost: 0.000001 }));
        const { totalCost } = await stats(bench, "t");
        expectEqual(Math.abs(totalCost - 0.00001) < 1e-9, true, `the sum of small costs, ${totalCost}`);
      },
      { requires },
    ),
  ],
};
