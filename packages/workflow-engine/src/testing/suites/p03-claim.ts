// P3: priority, then age; nobody shares a run, nobody stops the others, and what a worker does not know it leaves alone.

import type { Kernel } from "../../kernel/kernel.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch } from "../claims.ts";
import { createRun, driveHost, hasEnded, lookAt } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, step } from "../workflows.ts";

const workflow = (id: string) =>
  chain(
    id,
    step("a", ({ input }) => input),
  );

async function claimIds(kernel: Kernel, maxClaims?: number): Promise<string[]> {
  const { claimed } = await kernel.dispatch({ type: "run.claimPending", workerId: "x", ...(maxClaims !== undefined && { maxClaims }) });
  return claimed.map((run) => run.workflowRunId);
}

/** A registry that lists `bad` and then throws when asked for it. */
function brokenRegistry() {
  const good = workflow("good");
  return {
    listWorkflowIds: () => ["bad", "good"],
    getWorkflow: (id: string) => {
      if (id === "bad") throw new Error("this definition cannot be loaded");
      return good;
    },
  };
}

async function createBadAndGood(bench: Bench): Promise<{ bad: string; good: string }> {
  const creator = bench.createKernel({ workflows: [workflow("good"), workflow("bad")] });
  const bad = await createRun(creator, { workflowId: "bad", input: 1, priority: 9 });
  return { bad, good: await createRun(creator, { workflowId: "good", input: 2 }) };
}

/** P3. */
export const claimSuite: Suite = {
  name: "P3 claim",
  cases: [
    claim("P3", "priority first, then the oldest", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow("w")] });
      const ids: string[] = [];
      for (const priority of [5, 9, 5, 1, 9]) {
        ids.push(await createRun(kernel, { workflowId: "w", input: {}, priority }));
        await bench.advance(10);
      }
      const order: string[] = [];
      for (let i = 0; i < 5; i++) order.push(...(await claimIds(kernel, 1)));
      expectEqual(
        order,
        [1, 4, 0, 2, 3].map((i) => ids[i]),
      );
      expectEqual(await claimIds(kernel), [], "what is left");
    }),
    claim("P3", "at most maxClaims, 10 when not said", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow("w")] });
      for (let i = 0; i < 13; i++) await createRun(kernel, { workflowId: "w", input: {} });
      expectEqual((await claimIds(kernel)).length, 10);
      expectEqual((await claimIds(kernel, 2)).length, 2);
    }),
    claim("P3", "many claimers never share a run, and none is left", async (bench) => {
      const benches = [bench, await bench.reopen(), await bench.reopen()];
      const kernels = benches.map((each) => each.createKernel({ workflows: [workflow("w")] }));
      const ids: string[] = [];
      for (let i = 0; i < 30; i++) ids.push(await createRun(kernels[i % 3]!, { workflowId: "w", input: {} }));
      const claimed = await bench.pass(Promise.all(Array.from({ length: 12 }, (_, i) => claimIds(kernels[i % 3]!, 4))));
      const rest = await claimIds(kernels[0]!, 30);
      expectEqual([...claimed.flat(), ...rest].sort(), ids.sort());
    }),
    claim("P3", "a claim answers the jobs that it opened", async (bench) => {
      const kernel = bench.createKernel({ workflows: [chain("w", { stages: [step("a", () => 1), step("b", () => 2)] })] });
      await createRun(kernel, { workflowId: "w", input: {} });
      const { claimed } = await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      expectMatch(claimed, [{ workflowId: "w" }]);
      expectEqual(claimed[0]?.jobIds.length, 2, "jobs");
    }),
    ...bothWays("P3", "one bad run never stops the others, and stays for a worker that can run it", async (bench) => {
      const { bad, good } = await createBadAndGood(bench);
      await bench.drive(bench.createKernel({ registry: brokenRegistry() }), { until: hasEnded(bench, good) });
      expectMatch((await lookAt(bench, good)).run, { status: "COMPLETED", output: 2 });
      expectMatch((await lookAt(bench, bad)).run, { status: "PENDING" });
      await bench.drive(bench.createKernel({ workflows: [workflow("bad")] }), { until: hasEnded(bench, bad) });
      expectMatch((await lookAt(bench, bad)).run, { status: "COMPLETED", output: 1 });
    }),
    claim("P3", "a bad run at the head does not use up the claims of those behind it", async (bench) => {
      const { good } = await createBadAndGood(bench);
      const kernel = bench.createKernel({ registry: brokenRegistry() });
      expectEqual(await claimIds(kernel, 1), [good]);
    }),
    claim("P3", "a worker claims only what its registry holds", async (bench) => {
      const old = bench.createKernel({ workflows: [workflow("old")] });
      const next = (await bench.reopen()).createKernel({ workflows: [workflow("old"), workflow("new")] });
      const runId = await createRun(next, { workflowId: "new", input: {} });
      expectEqual(await claimIds(old), [], "the old worker's claims");
      expectMatch((await lookAt(bench, runId)).run, { status: "PENDING" });
      expectEqual(await claimIds(next), [runId], "the new worker's claims");
    }),
    claim("P3", "a registry without a list claims what it knows of what waits", async (bench) => {
      const known = workflow("known");
      const creator = bench.createKernel({ workflows: [known, workflow("other")] });
      const runId = await createRun(creator, { workflowId: "known", input: {} });
      const other = await createRun(creator, { workflowId: "other", input: {}, priority: 9 });
      const kernel = bench.createKernel({ registry: { getWorkflow: (id) => (id === "known" ? known : undefined) } });
      expectEqual(await claimIds(kernel), [runId]);
      expectMatch((await lookAt(bench, other)).run, { status: "PENDING" });
    }),
    claim("P3", "in a rolling deploy a worker leaves the stages of a workflow it does not know, no attempt spent", async (bench) => {
      const next = bench.createKernel({ workflows: [workflow("old"), workflow("new")] });
      const runId = await createRun(next, { workflowId: "new", input: 7 });
      expectEqual(await claimIds(next), [runId]);
      const host = startHost((await bench.reopen()).createKernel({ workflows: [workflow("old")] }), { workerId: "old" });
      await bench.advance(60_000);
      await bench.pass(host.stop());
      expectEqual(host.errors, [], "errors");
      expectMatch((await lookAt(bench, runId)).stages, { a: { status: "PENDING", attempt: 0 } });
      await driveHost(bench, next, { until: hasEnded(bench, runId) });
      const { run, stages } = await lookAt(bench, runId);
      expectMatch(run, { status: "COMPLETED", output: 7 });
      expectMatch(stages, { a: { attempt: 1 } });
    }),
    ...bothWays(
      "P3",
      "a run that is to start later is not claimed before",
      async (bench) => {
        const kernel = bench.createKernel({ workflows: [workflow("w")] });
        const startAt = new Date(bench.environment.now() + 60_000);
        const runId = await createRun(kernel, { workflowId: "w", input: {}, startAt });
        expectEqual(await claimIds(kernel), [], "claims before");
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const { startedAt } = (await lookAt(bench, runId)).run;
        expectEqual(startedAt && startedAt >= startAt, true, "started at or after startAt");
      },
      { requires: ["startAt"] },
    ),
    ...bothWays("P3", "a workflow without stages completes with its input", async (bench) => {
      const kernel = bench.createKernel({ workflows: [chain("empty")] });
      const runId = await createRun(kernel, { workflowId: "empty", input: { n: 1 } });
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: { n: 1 } });
    }),
  ],
};
