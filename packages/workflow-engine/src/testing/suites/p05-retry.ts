// P5: which failures are tried again, when, and how often; what a failure leaves on stage and run.
import { z } from "zod";
import { FatalError, RetryableError } from "../../errors.ts";
import type { Bench } from "../bench.ts";
import { expectBetween, expectEqual, expectIncludes, expectMatch, expectPresent } from "../claims.ts";
import { createRun, driveCommands, hasEnded, lookAt, runToEnd, stageIs } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, type StepContext, type StepOptions, step } from "../workflows.ts";

interface Tries {
  attempts: number[];
  at: number[];
}

/** A workflow of one stage, and when it was tried. */
function tried(bench: Bench, execute: (ctx: StepContext) => unknown, options: StepOptions = {}) {
  const tries: Tries = { attempts: [], at: [] };
  const stage = step(
    "a",
    (ctx) => {
      tries.attempts.push(ctx.attempt);
      tries.at.push(bench.environment.now());
      return execute(ctx);
    },
    options,
  );
  return { tries, kernel: bench.createKernel({ workflows: [chain("w", stage)] }) };
}

const broken = (): never => {
  throw new Error("it broke");
};

/** P5, one stage. */
export const retrySuite: Suite = {
  name: "P5 retry",
  cases: [
    ...bothWays(
      "P5",
      "a stage that throws is tried three times with growing delays, then stage and run fail with its error",
      async (bench) => {
        const { tries, kernel } = tried(bench, broken);
        const { run, stages, events } = await runToEnd(bench, kernel, { workflowId: "w", input: {} }, { stepMs: 50 });
        expectEqual(tries.attempts, [1, 2, 3], "attempts");
        expectBetween(tries.at[1]! - tries.at[0]!, 1_000, 1_500, "first delay");
        expectBetween(tries.at[2]! - tries.at[1]!, 2_000, 2_800, "second delay");
        expectMatch(run, { status: "FAILED", output: null });
        if (bench.has("runError")) expectEqual(run.errorMessage, "it broke");
        expectMatch(stages, { a: { status: "FAILED", attempt: 3, errorMessage: "it broke" } });
        const types = events.map(({ type }) => type).filter((type) => type !== "stage:started");
        expectEqual(types, ["workflow:created", "workflow:started", "stage:retrying", "stage:retrying", "stage:failed", "workflow:failed"]);
        expectMatch(events.at(-1), { error: "it broke" });
        expectMatch(events.at(-2), { stageId: "a", stageName: "Stage a", error: "it broke" });
      },
    ),
    ...bothWays("P5", "while a retry is pending the run is not failed", async (bench) => {
      const { kernel } = tried(bench, broken);
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const isPending = stageIs(bench, runId, "a", "PENDING");
      await bench.drive(kernel, { until: async () => (await isPending()) && bench.sink.getByType("stage:retrying").length > 0 });
      const { run, stages } = await lookAt(bench, runId);
      expectMatch(run, { status: "RUNNING", completedAt: null });
      expectMatch(stages, { a: { attempt: 1, errorMessage: "it broke", completedAt: null } });
      const [retrying] = bench.sink.getByType("stage:retrying");
      expectMatch(retrying, { stageId: "a", attempt: 1, error: "it broke" });
      expectEqual(expectPresent(stages["a"]).nextPollAt, expectPresent(retrying).retryAt, "when it is tried next");
    }),
    ...bothWays("P5", "a FatalError is not retried", async (bench) => {
      const { tries, kernel } = tried(bench, () => {
        throw new FatalError("no use");
      });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(tries.attempts, [1], "attempts");
      expectMatch([run.status, stages["a"]?.errorMessage], ["FAILED", "no use"]);
    }),
    ...bothWays("P5", "an output or an input that does not fit is not retried", async (bench) => {
      const misfit = tried(bench, () => ({ n: "x" }), { output: z.object({ n: z.number() }) });
      expectMatch((await runToEnd(bench, misfit.kernel, { workflowId: "w", input: {} })).run, { status: "FAILED" });
      expectEqual(misfit.tries.attempts, [1], "attempts with a bad output");
      const picky = tried(bench, () => 1, { input: z.object({ n: z.number() }) });
      const { run, stages } = await runToEnd(bench, picky.kernel, { workflowId: "w", input: {} });
      expectEqual(picky.tries.attempts, [], "attempts with a bad input");
      expectMatch([run.status, stages["a"]?.attempt], ["FAILED", 1]);
    }),
    ...bothWays("P5", "a RetryableError says when it is tried again", async (bench) => {
      const { tries, kernel } = tried(bench, ({ attempt }) => {
        if (attempt === 1) throw new RetryableError("later", { retryAfterMs: 90_000 });
        return "done";
      });
      const { run } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch(run, { status: "COMPLETED", output: "done" });
      expectBetween(tries.at[1]! - tries.at[0]!, 90_000, 92_000, "delay");
    }),
    ...bothWays("P5", "a success on a later attempt carries no old error", async (bench) => {
      const { kernel } = tried(bench, ({ attempt }) => (attempt < 3 ? broken() : "done"));
      const { run, stages, events } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectMatch(run, { status: "COMPLETED", output: "done" });
      expectEqual(run.errorMessage ?? null, null, "the run's error");
      expectMatch(stages, { a: { status: "COMPLETED", attempt: 3, errorMessage: null, nextPollAt: null } });
      expectEqual(
        events.filter(({ type }) => type === "stage:failed" || type === "workflow:failed"),
        [],
        "events of failure",
      );
    }),
    ...bothWays("P5", "a stage may ask for other attempts, other delays, or none for some errors", async (bench) => {
      const often = tried(bench, broken, { retry: { maxAttempts: 5, initialMs: 10, factor: 1, jitter: 0 } });
      await runToEnd(bench, often.kernel, { workflowId: "w", input: {} });
      expectEqual(often.tries.attempts, [1, 2, 3, 4, 5], "attempts");
      const choosy = tried(bench, broken, { retry: { retryOn: (error) => !String(error).includes("broke") } });
      await runToEnd(bench, choosy.kernel, { workflowId: "w", input: {} });
      expectEqual(choosy.tries.attempts, [1], "attempts of an error that is not worth it");
    }),
    ...bothWays("P5", "a stage that exceeds its timeout is tried again, its signal aborted", async (bench) => {
      const signals: AbortSignal[] = [];
      const slowOnce = ({ attempt, signal }: StepContext): unknown => {
        signals.push(signal);
        return attempt === 1 ? new Promise(() => undefined) : "done";
      };
      const { kernel } = tried(bench, slowOnce, { timeoutMs: 5_000 });
      expectMatch((await runToEnd(bench, kernel, { workflowId: "w", input: {} })).run, { status: "COMPLETED", output: "done" });
      expectEqual(
        signals.map((signal) => signal.aborted),
        [true, false],
      );
    }),
    claim("P5", "with a caller that retries, the stage waits without a time until it is delivered again", async (bench) => {
      const { kernel } = tried(bench, ({ attempt }) => (attempt === 1 ? broken() : "done"));
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a", retry: "caller" } as const;
      expectMatch(await kernel.dispatch(execute), { outcome: "failed", error: "it broke", retryable: true });
      expectMatch((await lookAt(bench, workflowRunId)).stages, { a: { status: "PENDING", nextPollAt: null } });
      expectMatch(await kernel.dispatch(execute), { outcome: "completed", output: "done" });
    }),
    claim(
      "P5",
      "a caller's redelivery carries the same key and the first execution's name, and is executed all the same",
      async (bench) => {
        const gate = createGate();
        const { kernel, tries } = tried(bench, ({ attempt }) => (attempt === 1 ? broken() : gate.wait()));
        const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
        const { claimed } = await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
        const jobId = expectPresent(claimed[0]?.jobIds[0]);
        const job = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a", jobId, attempt: 1, retry: "caller" } as const;
        const delivery = { ...job, idempotencyKey: `job:${jobId}:attempt:1` };
        expectMatch(await kernel.dispatch(delivery), { outcome: "failed", error: "it broke", retryable: true });
        const second = kernel.dispatch(delivery);
        await bench.settle();
        expectMatch(await kernel.dispatch({ ...job, attempt: 2 }), { outcome: "failed", error: "in progress", retryable: true });
        gate.open("done");
        expectMatch(await bench.pass(second), { outcome: "completed", output: "done" });
        expectMatch(await kernel.dispatch(delivery), { outcome: "completed", output: "done" }, "a duplicate");
        expectEqual(tries.attempts, [1, 2], "attempts under one number of the queue's");
      },
    ),
    claim("P5", "a plain job.execute fails its stage at once, and another one executes it again", async (bench) => {
      const { kernel } = tried(bench, ({ attempt }) => (attempt === 1 ? broken() : "done"));
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a", config: {} } as const;
      expectEqual(await kernel.dispatch(execute), { outcome: "failed", error: "it broke" });
      const failed = await lookAt(bench, workflowRunId);
      expectMatch([failed.run.status, failed.stages["a"]?.status], ["RUNNING", "FAILED"]);
      expectMatch(await kernel.dispatch(execute), { outcome: "completed", output: "done" });
      expectMatch(await kernel.dispatch(execute), { outcome: "completed", output: "done" }, "once more");
      await driveCommands(bench, kernel, { until: hasEnded(bench, workflowRunId) });
      const { run, stages, events } = await lookAt(bench, workflowRunId);
      expectMatch([run.status, run.output, stages["a"]?.errorMessage], ["COMPLETED", "done", null]);
      expectIncludes(events, { type: "stage:failed", stageId: "a", error: "it broke" });
    }),
    claim(
      "P5",
      "every attempt leaves its own record",
      async (bench) => {
        const { kernel } = tried(bench, ({ attempt }) => (attempt < 3 ? broken() : "done"));
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const attempts = await expectPresent(bench.store.reader).listAttempts(runId, "a");
        const each = attempts.map(({ attempt, status, error }) => ({ attempt, status, error }));
        expectEqual(each, [
          { attempt: 1, status: "FAILED", error: "it broke" },
          { attempt: 2, status: "FAILED", error: "it broke" },
          { attempt: 3, status: "COMPLETED", error: null },
        ]);
        expectEqual(new Set(attempts.map(({ executionId }) => executionId)).size, 3, "execution ids");
      },
      { requires: ["reader", "attempts"] },
    ),
  ],
};
