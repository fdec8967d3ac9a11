// P17: a run that nothing will ever move again is found and moved within seconds, and none is failed for being slow.
import type { Kernel } from "../../kernel/kernel.ts";
import type { DequeueResult } from "../../ports/job.ts";
import type { Bench } from "../bench.ts";
import { expectBetween, expectEqual, expectMatch, expectPresent } from "../claims.ts";
import { createRun, hasEnded, lookAt } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, step } from "../workflows.ts";

const twoStages = () =>
  chain(
    "w",
    step("a", () => 1),
    step("b", () => 2),
  );

async function takeJob({ store }: Bench, kernel: Kernel): Promise<DequeueResult | null> {
  await kernel.dispatch({ type: "outbox.flush" });
  return store.jobTransport.dequeue();
}

/** P17. */
export const repairSuite: Suite = {
  name: "P17 repair",
  cases: [
    claim("P17", "a lost transition is made up for by run.reapStuck, once it is old enough", async (bench) => {
      const kernel = bench.createKernel({ workflows: [twoStages()] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
      await bench.advance(1_000);
      expectEqual(await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 60_000 }), { transitioned: 0, failed: 0 });
      expectEqual(await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 500 }), { transitioned: 1, failed: 0 });
      expectMatch((await lookAt(bench, workflowRunId)).stages, { a: { status: "COMPLETED" }, b: { status: "PENDING" } });
    }),
    claim("P17", "a lost end of a run is made up for as well, well or failed", async (bench) => {
      const bad = chain(
        "bad",
        step("a", () => Promise.reject(new Error("it broke"))),
      );
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
          ),
          bad,
        ],
      });
      for (const workflowId of ["w", "bad"]) {
        const workflowRunId = await createRun(kernel, { workflowId, input: {} });
        await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
        await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId, stageId: "a" });
      }
      await bench.advance(1_000);
      expectEqual(await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 500 }), { transitioned: 1, failed: 1 });
    }),
    claim("P17", "a host finds a lost transition within seconds", async (bench) => {
      const kernel = bench.createKernel({ workflows: [twoStages()] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
      const host = startHost((await bench.reopen()).createKernel({ workflows: [twoStages()] }));
      const startedAt = bench.environment.now();
      for (let i = 0; i < 300 && !(await hasEnded(bench, workflowRunId)()); i++) await bench.advance(100);
      await bench.pass(host.stop());
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED", output: 2 });
      expectBetween(bench.environment.now() - startedAt, 0, 25_000, "time until its end");
    }),
    ...bothWays("P17", "a PENDING stage whose job was lost is found and executed", async (bench) => {
      const kernel = bench.createKernel({ workflows: [twoStages()] });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const job = expectPresent(await takeJob(bench, kernel), "the job");
      await bench.store.jobTransport.complete(job.jobId, { attempt: job.attempt });
      await bench.drive(kernel, { until: hasEnded(bench, runId), maxMs: 15 * 60_000 });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: 2 });
    }),
    ...bothWays("P17", "a PENDING stage that never had a job is found and executed", async (bench) => {
      const { persistence } = bench.store;
      const kernel = bench.createKernel({ workflows: [twoStages()] });
      const names = { workflowId: "w", workflowName: "W", workflowType: "w" };
      const run = await persistence.createRun({ ...names, status: "RUNNING", input: {}, config: {} });
      const place = { stageName: "A", stageNumber: 1, executionGroup: 1 };
      await persistence.createStage({ workflowRunId: run.id, stageId: "a", ...place, status: "PENDING" });
      await bench.drive(kernel, { until: hasEnded(bench, run.id), maxMs: 15 * 60_000 });
      expectMatch((await lookAt(bench, run.id)).run, { status: "COMPLETED", output: 2 });
    }),
    claim("P17", "a stage that waits for its caller is nobody's to repair", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => Promise.reject(new Error("it broke"))),
          ),
        ],
      });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const job = expectPresent(await takeJob(bench, kernel), "the job");
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a", retry: "caller" });
      await bench.store.jobTransport.complete(job.jobId, { attempt: job.attempt });
      const host = startHost(kernel);
      await bench.advance(5 * 60_000);
      await bench.pass(host.stop());
      expectMatch((await lookAt(bench, workflowRunId)).stages, { a: { status: "PENDING", attempt: 1 } });
    }),
    claim("P17", "nothing is failed or moved for being slow", async (bench) => {
      const gate = createGate();
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => gate.wait()),
          ),
        ],
      });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const host = startHost(kernel);
      for (let part = 0; part < 3; part++) {
        await bench.advance(10 * 60_000);
        expectEqual(await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 1 }), { transitioned: 0, failed: 0 });
      }
      expectEqual(gate.waiting, 1, "executions");
      gate.open("at last");
      await bench.advance(1_000);
      await bench.pass(host.stop());
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "at last" });
    }),
  ],
};
