// P10: a suspended stage is polled when due, by one poller, outside any transaction; what it throws is transient, what it says is not.
import { z } from "zod";
import { FatalError } from "../../errors.ts";
import type { Bench } from "../bench.ts";
import { expectBetween, expectEqual, expectIncludes, expectMatch, expectPresent } from "../claims.ts";
import { createRun, lookAt, runToEnd, stageIs } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, waiting } from "../workflows.ts";

const broken = (): never => {
  throw new Error("connection reset");
};
const fine = { stepMs: 100 };

/** Suspends a run's only stage by plain commands, and answers its id. */
async function suspend(bench: Bench, kernel: ReturnType<Bench["createKernel"]>): Promise<string> {
  const runId = await createRun(kernel, { workflowId: "w", input: {} });
  await bench.drive(kernel, { until: stageIs(bench, runId, "a", "SUSPENDED") });
  return runId;
}

/** P10. */
export const pollingSuite: Suite = {
  name: "P10 polling",
  cases: [
    ...bothWays("P10", "a stage suspends, is polled at its interval, and completes with what the poll brings", async (bench) => {
      const polledAt: number[] = [];
      const stage = waiting(
        "a",
        (state) => {
          polledAt.push(bench.environment.now());
          return polledAt.length < 3 ? { ready: false } : { ready: true, output: { batch: state.batchId }, metrics: { items: 4 } };
        },
        { pollInterval: 10_000 },
      );
      const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
      const startedAt = bench.environment.now();
      const { run, stages, events } = await runToEnd(bench, kernel, { workflowId: "w", input: {} }, fine);
      expectMatch(run, { status: "COMPLETED", output: { batch: "batch-a" } });
      for (const [i, at] of polledAt.entries()) expectBetween(at - startedAt, (i + 1) * 10_000, (i + 1) * 10_000 + 1_000, `poll ${i + 1}`);
      expectMatch(stages, { a: { status: "COMPLETED", nextPollAt: null, metrics: { items: 4 } } });
      const types = events.map(({ type }) => type).slice(2);
      expectEqual(types, ["stage:started", "stage:suspended", "workflow:suspended", "stage:completed", "workflow:completed"]);
      expectMatch(events[3], { nextPollAt: new Date(startedAt + 10_000) });
    }),
    ...bothWays("P10", "while it waits, the stage is SUSPENDED with its state and the run is RUNNING", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            waiting("a", () => ({ ready: false }), { state: { metadata: { part: 1 } } }),
          ),
        ],
      });
      const runId = await suspend(bench, kernel);
      const { run, stages } = await lookAt(bench, runId);
      expectEqual(run.status, "RUNNING");
      expectMatch(stages, { a: { suspendedState: { batchId: "batch-a", metadata: { part: 1 } }, pollInterval: 1_000 } });
      expectEqual(
        (await bench.store.persistence.getSuspendedStages(new Date(bench.environment.now() + 1_000))).length,
        1,
        "suspended stages",
      );
    }),
    claim("P10", "it is not polled before it is due, and maxChecks bounds a pass", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            waiting("a", () => ({ ready: false }), { pollInterval: 60_000 }),
          ),
        ],
      });
      for (let i = 0; i < 3; i++) await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: async () => (await bench.store.persistence.getSuspendedStages(new Date(2 ** 42))).length === 3 });
      expectEqual((await kernel.dispatch({ type: "stage.pollSuspended" })).checked, 0, "before");
      await bench.advance(61_000);
      expectEqual((await kernel.dispatch({ type: "stage.pollSuspended", maxChecks: 2 })).checked, 2, "bounded");
      expectEqual((await kernel.dispatch({ type: "stage.pollSuspended" })).checked, 1, "the rest");
    }),
    claim("P10", "of several pollers one looks", async (bench) => {
      const gate = createGate();
      let polls = 0;
      const stage = waiting("a", async () => {
        polls += 1;
        await gate.wait();
        return { ready: true, output: 1 };
      });
      const workflows = [chain("w", stage)];
      const kernel = bench.createKernel({ workflows });
      await suspend(bench, kernel);
      await bench.advance(2_000);
      const kernels = [kernel, (await bench.reopen()).createKernel({ workflows }), (await bench.reopen()).createKernel({ workflows })];
      const looks = kernels.map((each) => each.dispatch({ type: "stage.pollSuspended" }));
      await bench.settle();
      gate.open();
      const answers = await bench.pass(Promise.all(looks));
      expectEqual(answers.map(({ checked }) => checked).sort(), [0, 0, 1], "checked");
      expectEqual(polls, 1, "polls");
    }),
    ...bothWays("P10", "checkCompletion runs outside any transaction, with its parsed config", async (bench) => {
      const seen: unknown[] = [];
      const stage = waiting(
        "a",
        async (_, ctx) => {
          // inside a transaction of a one-connection store this write would wait for itself
          await bench.store.persistence.createLog({ workflowRunId: ctx.workflowRunId, level: "INFO", message: "from the poll" });
          seen.push(ctx.config);
          return { ready: true, output: 1 };
        },
        { config: z.object({ limit: z.coerce.number().default(3) }) },
      );
      const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
      expectMatch((await runToEnd(bench, kernel, { workflowId: "w", input: {}, config: { a: { limit: "8" } } })).run, {
        status: "COMPLETED",
      });
      expectEqual(seen, [{ limit: 8 }]);
    }),
    ...bothWays("P10", "a poll that throws is transient: polled again with backoff, and no harm done", async (bench) => {
      const polledAt: number[] = [];
      const stage = waiting("a", () => {
        polledAt.push(bench.environment.now());
        return polledAt.length < 6 ? broken() : { ready: true, output: "paid for" };
      });
      const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} }, fine);
      expectMatch([run.status, run.output, stages["a"]?.errorMessage], ["COMPLETED", "paid for", null]);
      for (let i = 1; i < 6; i++)
        expectBetween(polledAt[i]! - polledAt[i - 1]!, 2 ** (i - 1) * 1_000, 2 ** (i - 1) * 1_250 + 600, `pause ${i}`);
    }),
    ...bothWays(
      "P10",
      "a poll that throws is logged",
      async (bench) => {
        let polls = 0;
        const stage = waiting("a", () => ((polls += 1) < 2 ? broken() : { ready: true, output: 1 }));
        const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const { items } = await expectPresent(bench.store.reader).listLogs(runId);
        expectIncludes(items.map(({ level, message }) => `${level} ${message}`).join("\n"), "connection reset");
      },
      { requires: ["reader"] },
    ),
    ...bothWays("P10", "polls that throw until the deadline fail the stage, and not before", async (bench) => {
      const startedAt = bench.environment.now();
      const kernel = bench.createKernel({ workflows: [chain("w", waiting("a", broken, { maxWaitTime: 120_000 }))] });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch([run.status, stages["a"]?.status], ["FAILED", "FAILED"]);
      expectIncludes(stages["a"]?.errorMessage, "maxWaitTime");
      expectIncludes(stages["a"]?.errorMessage, "connection reset");
      expectBetween(expectPresent(stages["a"]?.completedAt).getTime() - startedAt, 120_000, 260_000, "when it failed");
    }),
    ...bothWays("P10", "a stage that is never ready fails at its deadline", async (bench) => {
      const startedAt = bench.environment.now();
      const stage = waiting("a", () => ({ ready: false }), { maxWaitTime: 95_000, pollInterval: 30_000 });
      const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch([run.status, stages["a"]?.attempt], ["FAILED", 1]);
      expectBetween(expectPresent(stages["a"]?.completedAt).getTime() - startedAt, 95_000, 97_000, "when it failed");
    }),
    ...bothWays("P10", "an explicit error or a FatalError fails the stage at once", async (bench) => {
      const said = bench.createKernel({
        workflows: [
          chain(
            "w",
            waiting("a", () => ({ ready: true, error: "the batch expired" })),
          ),
        ],
      });
      expectMatch((await runToEnd(bench, said, { workflowId: "w", input: {} })).stages, {
        a: { status: "FAILED", errorMessage: "the batch expired" },
      });
      const fatal = waiting("a", () => {
        throw new FatalError("no such batch");
      });
      const thrown = bench.createKernel({ workflows: [chain("w", fatal)] });
      expectMatch((await runToEnd(bench, thrown, { workflowId: "w", input: {} })).stages, {
        a: { status: "FAILED", errorMessage: "no such batch" },
      });
    }),
  ],
};
