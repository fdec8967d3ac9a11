// P13: a job is leased to one worker; one that lost its lease writes nothing, and its result is discarded and counted.
import type { Environment } from "../../ports/environment.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch, expectTrue } from "../claims.ts";
import { createRun, driveHost, hasEnded, lookAt, stageIs } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, createGate, type StepContext, step } from "../workflows.ts";

const big = (who: string): string => who.padEnd(40_000, "x");

/** A workflow whose first execution waits at a gate, as a worker does that is taken for dead; later ones end at once. */
function zombieWorkflow(atEnd: (ctx: StepContext) => void = () => undefined) {
  const gate = createGate();
  const seen: StepContext[] = [];
  const stage = step("a", async (ctx) => {
    seen.push(ctx);
    if (seen.length > 1) return big("new");
    await gate.wait();
    atEnd(ctx);
    return big("old");
  });
  return {
    gate,
    seen,
    workflows: [
      chain(
        "w",
        stage,
        step("b", ({ input }) => (input as string).slice(0, 3)),
      ),
    ],
  };
}

/** A kernel whose process is never heard of again once it has begun. */
const silent = { heartbeatIntervalMs: 10 ** 10 };

/** Lets the first execution begin in a silent host, and another host take over once its lease is stale. */
async function takeOver(bench: Bench, { seen, workflows }: ReturnType<typeof zombieWorkflow>) {
  const first = bench.createKernel({ workflows, ...silent });
  const runId = await createRun(first, { workflowId: "w", input: {} });
  const zombie = startHost(first, { workerId: "zombie", orchestrationIntervalMs: 10 ** 9 });
  for (let i = 0; i < 50 && seen.length === 0; i++) await bench.advance(100);
  const second = (await bench.reopen()).createKernel({ workflows });
  await driveHost(bench, second, { until: hasEnded(bench, runId) });
  return { runId, zombie };
}

/** P13. */
export const fenceSuite: Suite = {
  name: "P13 lease and fence",
  cases: [
    claim("P13", "a zombie that ends late is discarded and counted, and the newer result stands", async (bench) => {
      const scene = zombieWorkflow();
      const { runId, zombie } = await takeOver(bench, scene);
      const before = await lookAt(bench, runId);
      expectMatch([before.run.status, before.run.output], ["COMPLETED", "new"]);
      scene.gate.open();
      await bench.advance(60_000);
      await bench.pass(zombie.stop());
      expectEqual(zombie.outcomes.filter((outcome) => outcome === "discarded").length, 1, "discarded in the zombie's host");
      expectEqual(await lookAt(bench, runId), before, "rows and events");
      expectEqual(scene.seen.length, 2, "executions");
    }),
    claim("P13", "the blob of a discarded result is gone, and the newer one stays", async (bench) => {
      const scene = zombieWorkflow();
      const { runId, zombie } = await takeOver(bench, scene);
      scene.gate.open();
      await bench.advance(60_000);
      await bench.pass(zombie.stop());
      const blobs = await bench.store.blobStore.list(`workflow-v2/w/${runId}/`);
      const output = (await lookAt(bench, runId)).stages["a"]?.outputData as { $blob: string };
      expectEqual(blobs, [output.$blob], "blobs");
      expectEqual(await bench.store.blobStore.get(output.$blob), big("new"));
    }),
    claim("P13", "a worker that lost its lease hears of it by its signal, and tells nothing more", async (bench) => {
      const scene = zombieWorkflow((ctx) => {
        ctx.log("INFO", "from the grave");
        ctx.onProgress({ progress: 99, message: "from the grave" });
      });
      const { runId, zombie } = await takeOver(bench, scene);
      await bench.advance(1_000);
      expectEqual(
        scene.seen.map(({ signal }) => signal.aborted),
        [true, false],
        "signals",
      );
      scene.gate.open();
      await bench.advance(60_000);
      await bench.pass(zombie.stop());
      expectEqual(bench.sink.getByType("stage:progress"), [], "progress");
      const logs = await bench.store.reader?.listLogs(runId);
      expectEqual(logs?.items.filter(({ message }) => message === "from the grave") ?? [], [], "logs");
    }),
    claim("P13", "a long stage keeps its lease by heartbeats, and runs once", async (bench) => {
      const scene = zombieWorkflow();
      const kernel = bench.createKernel({ workflows: scene.workflows });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const host = startHost(kernel);
      const other = startHost((await bench.reopen()).createKernel({ workflows: scene.workflows }), { workerId: "other" });
      await bench.advance(10 * 60_000);
      expectEqual(scene.seen.length, 1, "executions");
      scene.gate.open();
      await bench.advance(10_000);
      await bench.pass(host.stop());
      await bench.pass(other.stop());
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "old" });
    }),
    claim("P13", "clocks that differ cost at most a second execution, never a wrong result", async (bench) => {
      const scene = zombieWorkflow();
      const kernel = bench.createKernel({ workflows: scene.workflows });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const host = startHost(kernel);
      for (let i = 0; i < 50 && scene.seen.length === 0; i++) await bench.advance(100);
      const { environment } = bench;
      const ahead: Environment = { ...environment, now: () => environment.now() + 5 * 60_000 };
      const fast = (await bench.reopen()).createKernel({ workflows: scene.workflows, environment: ahead });
      await fast.dispatch({ type: "lease.reapStale", staleThresholdMs: 60_000 });
      await bench.advance(30_000);
      scene.gate.open();
      // where the host's clock decides when a job is due, the fast one's jobs are late by as much
      await bench.advance(6 * 60_000);
      await bench.pass(host.stop());
      const { run, stages, events } = await lookAt(bench, runId);
      expectTrue(scene.seen.length <= 2, "at most a second execution");
      expectMatch([run.status, stages["a"]?.status], ["COMPLETED", "COMPLETED"]);
      expectEqual(events.filter(({ type }) => type === "workflow:completed").length, 1, "workflow:completed");
      expectEqual(run.output, scene.seen.length === 2 ? "new" : "old", "the output of the execution that held the stage");
    }),
    claim("P13", "a second delivery of a job that runs changes nothing and asks to be tried again", async (bench) => {
      const scene = zombieWorkflow();
      const kernel = bench.createKernel({ workflows: scene.workflows });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" } as const;
      const first = kernel.dispatch(execute);
      await bench.settle();
      const other = (await bench.reopen()).createKernel({ workflows: scene.workflows });
      expectMatch(await other.dispatch(execute), { outcome: "failed", error: "in progress", retryable: true });
      expectEqual(scene.seen.length, 1, "executions");
      scene.gate.open();
      expectMatch(await bench.pass(first), { outcome: "completed" });
    }),
    claim("P13", "an execution id that has been superseded starts nothing", async (bench) => {
      const scene = zombieWorkflow();
      const kernel = bench.createKernel({ workflows: scene.workflows });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      const execute = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a", executionId: "of-before" } as const;
      const answer = await kernel.dispatch(execute);
      expectMatch(answer, { outcome: "failed", discarded: true });
      expectIncludes(answer.error, "superseded");
      expectTrue(await stageIs(bench, workflowRunId, "a", "PENDING")(), "the stage still waits");
    }),
    claim(
      "P13",
      "an attempt whose worker was lost is on record as LOST",
      async (bench) => {
        const scene = zombieWorkflow();
        const { runId, zombie } = await takeOver(bench, scene);
        scene.gate.open();
        await bench.advance(1_000);
        await bench.pass(zombie.stop());
        const attempts = (await bench.store.reader?.listAttempts(runId, "a")) ?? [];
        expectEqual(
          attempts.map(({ attempt, status }) => `${attempt} ${status}`),
          ["1 LOST", "2 COMPLETED"],
        );
        expectEqual(attempts[0]?.workerId, "zombie", "whose it was");
      },
      { requires: ["reader", "attempts"] },
    ),
  ],
};
