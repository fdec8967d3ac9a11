// P22: what has served its time is cleaned up, by default; a deleted run leaves nothing, blobs included.
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectRejects, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt, runToEnd } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { mortal } from "../passing-time.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, step } from "../workflows.ts";

const aDay = 24 * 60 * 60_000;
const big = "x".repeat(40_000);
const workflow = () =>
  chain(
    "w",
    step("a", async (ctx) => {
      ctx.log("INFO", "a line");
      await ctx.storage.save("mine", 1);
      return big;
    }),
  );

const everything = (bench: Bench, runId: string) => bench.store.blobStore.list(`workflow-v2/w/${runId}/`);

/** P22. */
export const retentionSuite: Suite = {
  name: "P22 retention",
  cases: [
    ...bothWays(
      "P22",
      "a deleted run leaves nothing: rows, logs, events, artifacts and blobs",
      async (bench) => {
        const kernel = bench.createKernel({ workflows: [workflow()] });
        const { runId, run } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        expectEqual(run.status, "COMPLETED");
        const kept = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        expectEqual((await everything(bench, runId)).length, 2, "blobs before");
        expectEqual(await kernel.dispatch({ type: "run.delete", workflowRunId: runId }), { deleted: true });
        const { persistence, reader } = bench.store;
        expectEqual(await persistence.getRun(runId), null, "the run");
        expectEqual(await persistence.getStagesByRun(runId), [], "stages");
        expectEqual(await persistence.listArtifacts(runId), [], "artifacts");
        expectEqual(await everything(bench, runId), [], "blobs");
        expectEqual((await reader?.listLogs(runId))?.items ?? [], [], "logs");
        expectEqual((await reader?.listEvents(runId)) ?? [], [], "events");
        expectEqual((await reader?.listAttempts(runId)) ?? [], [], "attempts");
        expectEqual(await kernel.dispatch({ type: "run.delete", workflowRunId: runId }), { deleted: false }, "once more");
        expectMatch((await lookAt(bench, kept.runId)).run, { status: "COMPLETED" });
        expectEqual((await everything(bench, kept.runId)).length, 2, "the other run's blobs");
      },
      { requires: ["deletes"] },
    ),
    claim(
      "P22",
      "a run that has not ended is not deleted",
      async (bench) => {
        const kernel = bench.createKernel({ workflows: [workflow()] });
        const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
        await expectRejects(kernel.dispatch({ type: "run.delete", workflowRunId }), { code: "RUN_STATE", message: "PENDING" });
        expectMatch((await lookAt(bench, workflowRunId)).run, { status: "PENDING" });
      },
      { requires: ["deletes"] },
    ),
    claim(
      "P22",
      "published events and used keys go after their time, and not before",
      async (bench) => {
        const kernel = bench.createKernel({ workflows: [workflow()] });
        const create = { type: "run.create", idempotencyKey: "kept", workflowId: "w", input: {} } as const;
        const { workflowRunId } = await kernel.dispatch(create);
        await bench.drive(kernel, { until: hasEnded(bench, workflowRunId) });
        const session = kernel.work.openSession({ workerId: "sweeper" });
        bench.leap(aDay / 2);
        await session.sweep();
        expectEqual((await kernel.dispatch(create)).workflowRunId, workflowRunId, "the key after half a day");
        bench.leap(aDay);
        await session.sweep();
        expectTrue((await kernel.dispatch(create)).workflowRunId !== workflowRunId, "the key has gone after a day and a half");
        expectTrue(((await bench.store.reader?.listEvents(workflowRunId)) ?? [1]).length > 0, "events after a day and a half");
        bench.leap(6 * aDay);
        await session.sweep();
        expectEqual((await bench.store.reader?.listEvents(workflowRunId)) ?? [], [], "events after a week");
        expectMatch((await lookAt(bench, workflowRunId)).run, { status: "COMPLETED" });
      },
      { requires: ["retention"] },
    ),
    claim("P22", "events that nobody has published stay, however old", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      await createRun(kernel, { workflowId: "w", input: {} });
      bench.leap(100 * aDay);
      await kernel.work.openSession({ workerId: "sweeper" }).sweep();
      expectEqual(await kernel.dispatch({ type: "outbox.flush" }), { published: 1 });
    }),
    claim(
      "P22",
      "ended runs go when they were told to, with their blobs; running ones never",
      async (bench) => {
        const gate = createGate();
        const slow = chain(
          "slow",
          step("a", () => gate.wait()),
        );
        const kernel = bench.createKernel({ workflows: [workflow(), slow], retention: { endedRunsMs: 3 * aDay } });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const running = await createRun(kernel, { workflowId: "slow", input: {} });
        await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
        const session = kernel.work.openSession({ workerId: "sweeper" });
        bench.leap(2 * aDay);
        await session.sweep();
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED" });
        bench.leap(2 * aDay);
        await session.sweep();
        expectEqual(
          [await bench.store.persistence.getRun(runId), await everything(bench, runId)],
          [null, []],
          "the ended run and its blobs",
        );
        expectMatch((await lookAt(bench, running)).run, { status: "RUNNING" });
        gate.open();
      },
      { requires: ["deletes"] },
    ),
    claim(
      "P22",
      "a host cleans up by itself",
      async (bench) => {
        const kernel = bench.createKernel({ workflows: [workflow()], retention: { endedRunsMs: 60_000 } });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const host = startHost(kernel, { orchestrationIntervalMs: 60_000 });
        await bench.advance(30 * 60_000);
        await bench.pass(host.stop());
        expectEqual([host.errors, await bench.store.persistence.getRun(runId)], [[], null], "errors and the run");
      },
      { requires: ["deletes"] },
    ),
    claim(
      "P22",
      "the blob of an execution that died after storing it is swept",
      async (bench) => {
        let executions = 0;
        const stage = step("a", () => {
          executions += 1;
          return big;
        });
        const workflows = [chain("w", stage)];
        const { blobStore } = bench.store;
        const dying = {
          put: async (key: string, value: unknown) => {
            await blobStore.put(key, value);
            await new Promise(() => undefined);
          },
          get: (key: string) => blobStore.get(key),
          has: (key: string) => blobStore.has(key),
          delete: (key: string) => blobStore.delete(key),
          list: (prefix: string) => blobStore.list(prefix),
        };
        const process = mortal(bench.environment);
        const first = bench.createKernel({ workflows, blobStore: dying, environment: process.environment });
        const runId = await createRun(first, { workflowId: "w", input: {} });
        await first.dispatch({ type: "run.claimPending", workerId: "x" });
        void first.dispatch({ type: "job.execute", workflowRunId: runId, workflowId: "w", stageId: "a" }).catch(() => undefined);
        await bench.settle();
        process.die();
        await bench.advance(61_000);
        const kernel = (await bench.reopen()).createKernel({ workflows });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectEqual([executions, (await everything(bench, runId)).length], [2, 2], "executions and blobs");
        bench.leap(8 * aDay);
        await kernel.work.openSession({ workerId: "sweeper" }).sweep();
        const output = (await lookAt(bench, runId)).run.output as { $blob: string };
        expectEqual(await everything(bench, runId), [output.$blob], "blobs after the sweep");
      },
      { requires: ["retention", "attempts"] },
    ),
  ],
};
