// P15 and P16: a host runs so many at a time and no more; nothing slow blocks anything else; new work starts at once.
import type { Environment } from "../../ports/environment.ts";
import type { Bench } from "../bench.ts";
import { expectBetween, expectEqual, expectMatch, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt, stageIs } from "../harness.ts";
import { type LoopHost, startHost } from "../loop-host.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, createGate, step, waiting } from "../workflows.ts";

/** A workflow that counts how many of its stages run at a time, each for a second. */
function busy(bench: Bench) {
  const counts = { now: 0, most: 0, ended: 0 };
  const stage = step("a", async () => {
    counts.most = Math.max(counts.most, (counts.now += 1));
    await new Promise<void>((resolve) => void bench.environment.setTimer(1_000, resolve));
    counts.now -= 1;
    counts.ended += 1;
    return counts.ended;
  });
  return { counts, workflow: chain("busy", stage) };
}

async function until(bench: Bench, isSo: () => Promise<boolean> | boolean, stepMs = 250): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (await isSo()) return;
    await bench.advance(stepMs);
  }
  expectTrue(await isSo(), "what was waited for came about");
}

async function stopAll(bench: Bench, ...hosts: LoopHost[]): Promise<void> {
  for (const host of hosts) {
    await bench.pass(host.stop());
    expectEqual(host.errors, [], "errors of a host");
  }
}

/** P15. */
export const concurrencySuite: Suite = {
  name: "P15 concurrency",
  cases: [
    claim("P15", "a host runs `concurrency` stages at a time, all of them used, none left", async (bench) => {
      const { counts, workflow } = busy(bench);
      const kernel = bench.createKernel({ workflows: [workflow] });
      const ids: string[] = [];
      for (let i = 0; i < 25; i++) ids.push(await createRun(kernel, { workflowId: "busy", input: {} }));
      const host = startHost(kernel, { concurrency: 4 });
      await until(bench, () => counts.ended === 25);
      await until(bench, async () => (await bench.store.persistence.getRunsByStatus("COMPLETED")).length === 25);
      expectEqual(counts.most, 4, "most at a time");
      await stopAll(bench, host);
      for (const id of ids) expectMatch((await lookAt(bench, id)).stages, { a: { attempt: 1 } });
    }),
    claim("P15", "two hosts share the work, and no stage runs twice", async (bench) => {
      const { counts, workflow } = busy(bench);
      const kernel = bench.createKernel({ workflows: [workflow] });
      for (let i = 0; i < 24; i++) await createRun(kernel, { workflowId: "busy", input: {} });
      const other = (await bench.reopen()).createKernel({ workflows: [workflow] });
      const hosts = [startHost(kernel, { concurrency: 3, workerId: "one" }), startHost(other, { concurrency: 3, workerId: "two" })];
      await until(bench, async () => (await bench.store.persistence.getRunsByStatus("COMPLETED")).length === 24);
      expectEqual(counts.ended, 24, "executions");
      expectBetween(counts.most, 4, 6, "most at a time");
      await stopAll(bench, ...hosts);
    }),
    claim("P15", "a slow stage blocks neither events nor polls nor transitions", async (bench) => {
      const gate = createGate();
      const slow = chain(
        "slow",
        step("a", () => gate.wait()),
      );
      const suspended = chain(
        "waits",
        waiting("a", () => ({ ready: true, output: "polled" })),
      );
      const kernel = bench.createKernel({ workflows: [slow, suspended] });
      const waits = await createRun(kernel, { workflowId: "waits", input: {} });
      await bench.drive(kernel, { until: stageIs(bench, waits, "a", "SUSPENDED") });
      const slowId = await createRun(kernel, { workflowId: "slow", input: {}, priority: 9 });
      const host = startHost(kernel, { concurrency: 1 });
      await until(bench, () => gate.waiting === 1);
      await until(bench, hasEnded(bench, waits));
      expectMatch((await lookAt(bench, waits)).run, { status: "COMPLETED", output: "polled" });
      expectMatch((await lookAt(bench, slowId)).run, { status: "RUNNING" });
      gate.open("done");
      await until(bench, hasEnded(bench, slowId));
      await stopAll(bench, host);
    }),
    claim("P15", "what waits behind a slow stage is given to another worker, no attempt spent", async (bench) => {
      const gate = createGate();
      const stage = step("a", ({ input }) => (input === "slow" ? gate.wait() : "quick"));
      const workflows = [chain("w", stage)];
      const kernel = bench.createKernel({ workflows });
      const slowId = await createRun(kernel, { workflowId: "w", input: "slow", priority: 9 });
      const host = startHost(kernel, { concurrency: 1 });
      await until(bench, () => gate.waiting === 1);
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) ids.push(await createRun(kernel, { workflowId: "w", input: "quick" }));
      await bench.advance(2_000);
      const other = startHost((await bench.reopen()).createKernel({ workflows }), { concurrency: 1, workerId: "other" });
      await until(bench, async () => (await bench.store.persistence.getRunsByStatus("COMPLETED")).length === 5);
      for (const id of ids) expectMatch((await lookAt(bench, id)).stages, { a: { status: "COMPLETED", attempt: 1 } });
      gate.open("done");
      await until(bench, hasEnded(bench, slowId));
      await stopAll(bench, host, other);
    }),
    claim("P15", "stop() drains: what runs ends well, what waits stays for others", async (bench) => {
      const gate = createGate();
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => gate.wait()),
            step("b", ({ input }) => input),
          ),
        ],
      });
      const first = await createRun(kernel, { workflowId: "w", input: {}, priority: 9 });
      const second = await createRun(kernel, { workflowId: "w", input: {} });
      const host = startHost(kernel, { concurrency: 1 });
      await until(bench, () => gate.waiting === 1);
      let isStopped = false;
      const stopped = host.stop().then(() => {
        isStopped = true;
      });
      await bench.advance(20_000);
      expectEqual(isStopped, false, "stopped while a stage runs");
      gate.open("well");
      await bench.pass(stopped);
      expectEqual(gate.waiting, 1, "executions");
      const ended = await lookAt(bench, first);
      expectMatch(ended.stages, { a: { status: "COMPLETED", outputData: "well" } });
      expectMatch(await bench.store.runStore.listStale(-1, 10), [], "leases left behind");
      await bench.drive(kernel, { until: async () => (await hasEnded(bench, first)()) && hasEnded(bench, second)() });
      expectMatch((await lookAt(bench, second)).stages, { a: { attempt: 1 } });
    }),
  ],
};

/** P16. */
export const wakeSuite: Suite = {
  name: "P16 wake",
  cases: [
    claim(
      "P16",
      "work created in this process starts at once on an idle worker: no time passes",
      async (bench) => {
        const kernel = bench.createKernel({
          workflows: [
            chain(
              "w",
              step("a", () => 1),
              step("b", () => 2),
            ),
          ],
        });
        const host = startHost(kernel);
        await bench.advance(60_000);
        const createdAt = bench.environment.now();
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        for (let i = 0; i < 50 && !(await hasEnded(bench, runId)()); i++) await bench.settle();
        expectEqual(bench.environment.now() - createdAt, 0, "virtual time until its end");
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: 2 });
        await stopAll(bench, host);
      },
      { requires: ["signals"] },
    ),
    claim("P16", "work created in another process starts within a second on an idle worker", async (bench) => {
      const workflows = [
        chain(
          "w",
          step("a", () => 1),
        ),
      ];
      const host = startHost(bench.createKernel({ workflows }));
      await bench.advance(57_000);
      const other = (await bench.reopen()).createKernel({ workflows });
      const runId = await createRun(other, { workflowId: "w", input: {} });
      await bench.advance(1_100);
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED" });
      await stopAll(bench, host);
    }),
    claim("P16", "a retry and a poll start when they are due, without waiting for a tick", async (bench) => {
      const failing = step("a", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : "well"), {
        retry: { initialMs: 30_000, jitter: 0 },
      });
      const stages = [failing, waiting("b", () => ({ ready: true, output: "polled" }), { pollInterval: 45_000 })];
      const kernel = bench.createKernel({ workflows: [chain("w", ...stages)] });
      const startedAt = bench.environment.now();
      const host = startHost(kernel, { orchestrationIntervalMs: 10 * 60_000 });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await until(bench, hasEnded(bench, runId), 100);
      expectBetween(bench.environment.now() - startedAt, 75_000, 78_000, "time until its end");
      await stopAll(bench, host);
    }),
    claim("P16", "an idle worker costs almost nothing, also beside work it cannot do", async (bench) => {
      const other = bench.createKernel({
        workflows: [
          chain(
            "other",
            step("a", () => 1),
          ),
        ],
      });
      await createRun(other, { workflowId: "other", input: {} });
      await other.dispatch({ type: "run.claimPending", workerId: "x" });
      let timers = 0;
      const { environment } = bench;
      const counting: Environment = {
        ...environment,
        setTimer: (ms, fire) => {
          timers += 1;
          return environment.setTimer(ms, fire);
        },
      };
      const host = startHost(
        bench.createKernel({
          workflows: [
            chain(
              "mine",
              step("a", () => 1),
            ),
          ],
          environment: counting,
        }),
      );
      await bench.advance(60_000);
      await stopAll(bench, host);
      expectBetween(timers, 1, 300, "times it woke in a minute");
    }),
    claim("P16", "polling is the safety net: a host that missed every signal still finds the work", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => 1),
          ),
        ],
      });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const host = startHost(kernel);
      await until(bench, hasEnded(bench, runId));
      await stopAll(bench, host);
    }),
  ],
};
