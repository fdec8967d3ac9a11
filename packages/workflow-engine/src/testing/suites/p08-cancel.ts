// P8: a cancelled run ends with everything in it, its running stage hears of it within a second, and nothing is written afterwards.
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectRejects, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt, stageIs } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, type StepContext, step, waiting } from "../workflows.ts";

const big = "x".repeat(40_000);

/** A run whose stage runs at a gate, in a host. */
async function startRunning(bench: Bench, atEnd: (ctx: StepContext) => unknown = () => big) {
  const gate = createGate();
  const seen: StepContext[] = [];
  const stage = step("a", async (ctx) => {
    seen.push(ctx);
    await gate.wait();
    return atEnd(ctx);
  });
  const workflows = [
    chain(
      "w",
      stage,
      step("b", () => 2),
    ),
  ];
  const kernel = bench.createKernel({ workflows });
  const runId = await createRun(kernel, { workflowId: "w", input: {} });
  const host = startHost(kernel);
  for (let i = 0; i < 100 && seen.length === 0; i++) await bench.advance(100);
  expectEqual(seen.length, 1, "executions");
  return { gate, runId, workflows, host, ctx: seen[0]! };
}

async function blobsOf(bench: Bench, runId: string): Promise<string[]> {
  return bench.store.blobStore.list(`workflow-v2/w/${runId}/`);
}

/** P8. */
export const cancelSuite: Suite = {
  name: "P8 cancel",
  cases: [
    claim("P8", "a pending run is cancelled with its reason and is never claimed", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      expectEqual(await kernel.dispatch({ type: "run.cancel", workflowRunId, reason: "not needed" }), { cancelled: true });
      expectEqual(await kernel.dispatch({ type: "run.cancel", workflowRunId }), { cancelled: false }, "once more");
      expectEqual(await kernel.dispatch({ type: "run.claimPending", workerId: "x" }), { claimed: [] });
      await kernel.dispatch({ type: "outbox.flush" });
      expectMatch(bench.sink.getByType("workflow:cancelled"), [{ workflowRunId, reason: "not needed" }]);
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "CANCELLED", output: null });
    }),
    claim("P8", "the run, its stages and its queued jobs end together", async (bench) => {
      const group = { stages: [step("a", () => 1), step("b", () => 2)] };
      const kernel = bench.createKernel({ workflows: [chain("w", group)] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "run.cancel", workflowRunId });
      const { run, stages } = await lookAt(bench, workflowRunId);
      expectMatch([run.status, stages["a"]?.status, stages["b"]?.status], ["CANCELLED", "CANCELLED", "CANCELLED"]);
      expectEqual(run.completedAt, new Date(bench.environment.now()), "completedAt");
      await kernel.dispatch({ type: "outbox.flush" });
      for (let job = await bench.store.jobTransport.dequeue(); job; job = await bench.store.jobTransport.dequeue()) {
        // a foreign queue may still hold the message; it must not execute anything
        const { stageId } = job;
        expectMatch(await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId, jobId: job.jobId }), {
          outcome: "failed",
        });
      }
      expectMatch((await lookAt(bench, workflowRunId)).stages, { a: { status: "CANCELLED" }, b: { status: "CANCELLED" } });
    }),
    ...bothWays("P8", "a suspended run is cancelled, and is not polled any more", async (bench) => {
      let polls = 0;
      const stage = waiting("a", () => ({ ready: (polls += 1) > 100, output: 1 }));
      const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: stageIs(bench, workflowRunId, "a", "SUSPENDED") });
      await kernel.dispatch({ type: "run.cancel", workflowRunId });
      const before = polls;
      await bench.advance(10_000);
      expectEqual((await kernel.dispatch({ type: "stage.pollSuspended" })).checked, 0, "stages looked at");
      expectEqual(polls, before, "polls");
      expectMatch((await lookAt(bench, workflowRunId)).stages, { a: { status: "CANCELLED", nextPollAt: null } });
    }),
    claim("P8", "the running stage's signal aborts within a second, on whichever machine it runs", async (bench) => {
      const { gate, runId, workflows, host, ctx } = await startRunning(bench);
      const other = (await bench.reopen()).createKernel({ workflows });
      await other.dispatch({ type: "run.cancel", workflowRunId: runId });
      await bench.advance(1_000);
      expectTrue(ctx.signal.aborted, "the signal has aborted");
      gate.open();
      await bench.pass(host.stop());
    }),
    claim("P8", "a stage that ignores its signal writes nothing into the cancelled run", async (bench) => {
      const { gate, runId, host, workflows } = await startRunning(bench, (ctx) => {
        ctx.log("INFO", "too late");
        ctx.onProgress({ progress: 1, message: "too late" });
        return big;
      });
      await bench.createKernel({ workflows }).dispatch({ type: "run.cancel", workflowRunId: runId });
      const cancelled = await lookAt(bench, runId);
      gate.open();
      await bench.advance(60_000);
      await bench.pass(host.stop());
      const after = await lookAt(bench, runId);
      expectMatch(after.run, { status: "CANCELLED", output: null, completedAt: cancelled.run.completedAt });
      expectEqual(after.stages, cancelled.stages, "stages");
      expectEqual(after.events.at(-1)?.type, "workflow:cancelled", "the last event");
      expectEqual(
        after.events.filter(({ type }) => type === "stage:completed" || type === "stage:progress"),
        [],
        "events of the stage",
      );
      expectEqual(await blobsOf(bench, runId), [], "blobs");
      const logs = await bench.store.reader?.listLogs(runId);
      expectEqual(logs?.items ?? [], [], "logs");
    }),
    claim("P8", "a cancelled stage's storage is closed to it", async (bench) => {
      const { gate, runId, host, workflows, ctx } = await startRunning(bench);
      await ctx.storage.save("before", 1);
      await bench.createKernel({ workflows }).dispatch({ type: "run.cancel", workflowRunId: runId });
      await bench.advance(1_000);
      await expectRejects(ctx.storage.save("after", 2), { code: "EXECUTION_LOST" });
      expectEqual(await blobsOf(bench, runId), [`workflow-v2/w/${runId}/before`], "blobs");
      gate.open();
      await bench.pass(host.stop());
    }),
    ...bothWays("P8", "a run that has ended is not cancelled, and one that is not there is an error", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: hasEnded(bench, workflowRunId) });
      expectEqual(await kernel.dispatch({ type: "run.cancel", workflowRunId }), { cancelled: false });
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED" });
      await expectRejects(kernel.dispatch({ type: "run.cancel", workflowRunId: "nobody" }), {
        code: "RUN_NOT_FOUND",
        message: "WorkflowRun nobody not found",
      });
    }),
  ],
};
