// P10, what a poll may answer: later, ready with an output, ready for another execution; and groups of which some wait.
import { z } from "zod";
import { expectBetween, expectEqual, expectIncludes, expectMatch } from "../claims.ts";
import { createRun, lookAt, runToEnd, stageIs } from "../harness.ts";
import { bothWays, type Suite } from "../suite.ts";
import { chain, step, waiting } from "../workflows.ts";

/** P10, answers. */
export const resumingSuite: Suite = {
  name: "P10 resuming",
  cases: [
    ...bothWays("P10", "a poll may say when to look next, and a suspension when to look first", async (bench) => {
      const startedAt = bench.environment.now();
      const polledAt: number[] = [];
      const stage = waiting(
        "a",
        () => {
          polledAt.push(bench.environment.now() - startedAt);
          return polledAt.length < 2 ? { ready: false, nextCheckIn: 45_000 } : { ready: true, output: 1 };
        },
        { nextPollAt: new Date(startedAt + 7_000), pollInterval: 10_000 },
      );
      await runToEnd(bench, bench.createKernel({ workflows: [chain("w", stage)] }), { workflowId: "w", input: {} });
      expectBetween(polledAt[0]!, 7_000, 8_000, "first look");
      expectBetween(polledAt[1]! - polledAt[0]!, 45_000, 46_000, "second look");
    }),
    ...bothWays("P10", "ready without an output executes the stage again with what it left", async (bench) => {
      const resumed: unknown[] = [];
      const stage = waiting("a", () => ({ ready: true }), {
        state: { metadata: { part: 1 } },
        execute: (ctx) => {
          if (ctx.resumeState === undefined) return undefined;
          resumed.push(ctx.resumeState, ctx.attempt);
          return { output: "after the wait" };
        },
      });
      const { run, events } = await runToEnd(bench, bench.createKernel({ workflows: [chain("w", stage)] }), { workflowId: "w", input: {} });
      expectMatch(run, { status: "COMPLETED", output: "after the wait" });
      expectEqual(resumed, [{ batchId: "batch-a", metadata: { part: 1 } }, 1]);
      expectEqual(events.filter(({ type }) => type === "stage:started").length, 2, "stage:started");
    }),
    ...bothWays("P10", "falsy outputs of a poll are outputs", async (bench) => {
      for (const output of [0, "", false, null]) {
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              waiting("a", () => ({ ready: true, output })),
            ),
          ],
        });
        expectMatch((await runToEnd(bench, kernel, { workflowId: "w", input: {} })).run, { status: "COMPLETED", output });
      }
    }),
    ...bothWays("P10", "an output of a poll that does not fit fails the stage with the field path", async (bench) => {
      const stage = waiting("a", () => ({ ready: true, output: { n: "x" } }), { output: z.object({ n: z.number() }) });
      const { run, stages } = await runToEnd(bench, bench.createKernel({ workflows: [chain("w", stage)] }), { workflowId: "w", input: {} });
      expectEqual(run.status, "FAILED");
      expectIncludes(stages["a"]?.errorMessage, "n: ");
    }),
    ...bothWays("P10", "the next group gets what the poll brought, big or small", async (bench) => {
      const big = "x".repeat(40_000);
      const stages = [waiting("a", () => ({ ready: true, output: big })), step("b", ({ input }) => (input as string).length)];
      const { run } = await runToEnd(bench, bench.createKernel({ workflows: [chain("w", ...stages)] }), { workflowId: "w", input: {} });
      expectMatch(run, { status: "COMPLETED", output: 40_000 });
    }),
    ...bothWays(
      "P10",
      "a group of which one waits goes on when all have ended; workflow:suspended tells when all that is left waits",
      async (bench) => {
        let isReady = false;
        const group = { stages: [waiting("slow", () => ({ ready: isReady, output: "late" })), step("quick", () => "early")] };
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              group,
              step("last", ({ input }) => input),
            ),
          ],
        });
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        const isWaiting = stageIs(bench, runId, "slow", "SUSPENDED");
        const isQuickDone = stageIs(bench, runId, "quick", "COMPLETED");
        await bench.drive(kernel, { until: async () => (await isWaiting()) && (await isQuickDone()) });
        await kernel.dispatch({ type: "outbox.flush" });
        expectEqual(
          bench.sink.getByType("workflow:suspended").map(({ stageId }) => stageId),
          ["slow"],
        );
        isReady = true;
        await bench.drive(kernel, { until: stageIs(bench, runId, "last", "COMPLETED") });
        expectEqual((await lookAt(bench, runId)).stages["last"]?.outputData, { slow: "late", quick: "early" });
      },
    ),
    ...bothWays("P10", "a credential in the state is refused, because it would be stored", async (bench) => {
      const leaky = waiting("a", () => ({ ready: true, output: 1 }), { state: { metadata: { apiKey: "sk-secret" } } });
      const { run, stages } = await runToEnd(bench, bench.createKernel({ workflows: [chain("w", leaky)] }), { workflowId: "w", input: {} });
      expectMatch([run.status, stages["a"]?.attempt, stages["a"]?.suspendedState], ["FAILED", 1, null]);
      expectIncludes(stages["a"]?.errorMessage, "apiKey");
      expectEqual(stages["a"]?.errorMessage?.includes("sk-secret"), false, "the error holds the secret");
    }),
    ...bothWays("P10", "metrics and embeddings of a poll are kept on the stage", async (bench) => {
      const stage = waiting("a", () => ({ ready: true, output: 1, metrics: { totalTokens: 12 }, embeddings: { count: 2 } }));
      const { stages } = await runToEnd(bench, bench.createKernel({ workflows: [chain("w", stage)] }), { workflowId: "w", input: {} });
      expectMatch(stages["a"], { metrics: { totalTokens: 12 }, embeddingInfo: { count: 2 } });
    }),
  ],
};
