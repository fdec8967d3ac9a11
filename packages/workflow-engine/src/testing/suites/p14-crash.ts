// P14: a process that dies at any moment loses nothing; its job runs again elsewhere, a bounded number of times.
import type { Kernel } from "../../kernel/kernel.ts";
import type { Bench } from "../bench.ts";
import { expectBetween, expectEqual, expectIncludes, expectMatch } from "../claims.ts";
import { createRun, driveHost, hasEnded, lookAt, stageIs } from "../harness.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, type StepContext, step, waiting } from "../workflows.ts";

const never = new Promise<never>(() => undefined);

/** Takes one job with a session and executes it in a process that dies while it runs: no heartbeat, no settling. */
async function dieExecuting(bench: Bench, kernel: Kernel): Promise<number> {
  const session = kernel.work.openSession({ workerId: "mortal" });
  const taken = [...(await session.claim(1, 1)).jobs, ...(await session.take(1))].slice(0, 1);
  for (const job of taken) void session.execute(job, { onCodeEnded: () => undefined, slots: () => 0 }).catch(() => undefined);
  await bench.settle();
  return taken.length;
}

/** Two stages of which the first kills its process as often as told. */
function deadly(deaths: number) {
  const executions: number[] = [];
  const stage = step("a", ({ attempt }: StepContext) => {
    executions.push(attempt);
    return executions.length <= deaths ? never : "alive";
  });
  return {
    executions,
    workflows: [
      chain(
        "w",
        stage,
        step("b", ({ input }) => input),
      ),
    ],
  };
}

/** Lets processes die at the job, one after the other, each found dead a minute later. */
async function killAll(bench: Bench, workflows: ReturnType<typeof deadly>["workflows"], runId: string): Promise<void> {
  for (let process = 0; process < 8; process++) {
    const again = await bench.reopen();
    const kernel = again.createKernel({ workflows, heartbeatIntervalMs: 10 ** 10 });
    await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 60_000 });
    await kernel.dispatch({ type: "outbox.flush" });
    if ((await lookAt(bench, runId)).run.status === "FAILED") return;
    await dieExecuting(bench, kernel);
    await bench.advance(61_000);
  }
}

/** A waiting stage whose poll never answers while `isDying`. */
function diesPolling() {
  const flags = { isDying: false };
  const stage = waiting("a", () => (flags.isDying ? never : { ready: true, output: "polled" }));
  return { flags, waitingWorkflow: chain("w", stage) };
}

/** P14. */
export const crashSuite: Suite = {
  name: "P14 crash",
  cases: [
    claim("P14", "a job whose process died runs again after its lease, on another worker, as the next attempt", async (bench) => {
      const { executions, workflows } = deadly(1);
      const kernel = bench.createKernel({ workflows, heartbeatIntervalMs: 10 ** 10 });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const diedAt = bench.environment.now();
      expectEqual((await dieExecuting(bench, kernel)) || (await dieExecuting(bench, kernel)), 1, "jobs taken");
      const other = (await bench.reopen()).createKernel({ workflows });
      await driveHost(bench, other, { until: hasEnded(bench, runId) });
      const { run, stages } = await lookAt(bench, runId);
      expectMatch([run.status, run.output, stages["a"]?.attempt], ["COMPLETED", "alive", 2]);
      expectEqual(executions, [1, 2], "attempts");
      expectBetween(bench.environment.now() - diedAt, 60_000, 90_000, "time until it was over");
    }),
    claim("P14", "a stage that kills its process each time ends FAILED after its attempts, and does not loop for ever", async (bench) => {
      const { executions, workflows } = deadly(100);
      const runId = await createRun(bench.createKernel({ workflows }), { workflowId: "w", input: {} });
      await killAll(bench, workflows, runId);
      const kernel = bench.createKernel({ workflows });
      await driveHost(bench, kernel, { until: hasEnded(bench, runId) });
      const { run, stages, events } = await lookAt(bench, runId);
      expectMatch([run.status, stages["a"]?.status], ["FAILED", "FAILED"]);
      expectIncludes(stages["a"]?.errorMessage, "lost its worker");
      expectEqual(executions, [1, 2, 3], "executions");
      expectMatch(
        events.slice(-2).map(({ type }) => type),
        ["stage:failed", "workflow:failed"],
      );
    }),
    claim("P14", "crashes and errors share the attempts", async (bench) => {
      let executions = 0;
      const stage = step("a", () => ((executions += 1) === 1 ? never : Promise.reject(new Error("it broke"))));
      const workflows = [chain("w", stage)];
      const kernel = bench.createKernel({ workflows, heartbeatIntervalMs: 10 ** 10 });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      expectEqual((await dieExecuting(bench, kernel)) || (await dieExecuting(bench, kernel)), 1, "jobs taken");
      await driveHost(bench, (await bench.reopen()).createKernel({ workflows }), { until: hasEnded(bench, runId) });
      expectEqual(executions, 3, "executions");
      expectMatch((await lookAt(bench, runId)).stages, { a: { status: "FAILED", errorMessage: "it broke" } });
    }),
    claim("P14", "a process that dies between the end of a stage and what follows loses nothing", async (bench) => {
      const { workflows } = deadly(0);
      const kernel = bench.createKernel({ workflows });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
      const other = (await bench.reopen()).createKernel({ workflows });
      await driveHost(bench, other, { until: hasEnded(bench, workflowRunId) });
      expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED", output: "alive" });
    }),
    claim("P14", "a process that dies while it polls leaves the stage for another poller", async (bench) => {
      const { waitingWorkflow, flags } = diesPolling();
      const workflows = [waitingWorkflow];
      const kernel = bench.createKernel({ workflows });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: stageIs(bench, runId, "a", "SUSPENDED") });
      await bench.advance(2_000);
      flags.isDying = true;
      void kernel.dispatch({ type: "stage.pollSuspended" }).catch(() => undefined);
      await bench.settle();
      flags.isDying = false;
      await driveHost(bench, (await bench.reopen()).createKernel({ workflows }), { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "polled" });
    }),
  ],
};
