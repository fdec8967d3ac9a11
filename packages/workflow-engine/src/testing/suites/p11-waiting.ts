// P11 and P12: waiting is free, nothing reaps it, it survives restarts, and the scheduler is told of every wake-up.
import type { Bench } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch, expectPresent } from "../claims.ts";
import { createRun, driveCommands, hasEnded, lookAt, stageIs } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, step, waiting } from "../workflows.ts";

const aMinute = 60_000;
const anHour = 60 * aMinute;
const aDay = 24 * anHour;

/** A run that waits for days and is ready when the flag says so. */
async function startLongWait(bench: Bench, pollInterval: number) {
  const flags = { isReady: false, polls: 0 };
  const stage = waiting("a", () => ({ ready: (flags.polls += 1) > 0 && flags.isReady, output: "at last" }), {
    pollInterval,
    maxWaitTime: 10 * aDay,
  });
  const workflows = [
    chain(
      "w",
      stage,
      step("b", ({ input }) => input),
    ),
  ];
  const kernel = bench.createKernel({ workflows });
  const runId = await createRun(kernel, { workflowId: "w", input: {} });
  await bench.drive(kernel, { until: stageIs(bench, runId, "a", "SUSPENDED") });
  return { flags, workflows, kernel, runId };
}

function told({ scheduler }: Bench): string[] {
  return scheduler.scheduled.map(({ commandType, runAt }) => `${commandType} ${runAt.toISOString()}`);
}

/** P11 and P12. */
export const waitingSuite: Suite = {
  name: "P11 waiting is free, P12 waits survive",
  cases: [
    ...bothWays("P11", "a suspended stage holds no lease, and no reaper touches it for days", async (bench) => {
      const { kernel, runId, flags } = await startLongWait(bench, 36 * anHour);
      bench.leap(aDay);
      expectEqual(await bench.store.runStore.listStale(1, 100), [], "leases");
      expectEqual(await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 1 }), { released: 0 });
      expectEqual(await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 1 }), { transitioned: 0, failed: 0 });
      expectMatch((await lookAt(bench, runId)).stages, { a: { status: "SUSPENDED" } });
      flags.isReady = true;
      bench.leap(12 * anHour);
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "at last" });
    }),
    claim("P11", "a host that idles for hours neither fails nor disturbs a wait longer than every threshold", async (bench) => {
      const { kernel, runId, flags } = await startLongWait(bench, 40 * aMinute);
      const host = startHost(kernel, { orchestrationIntervalMs: 5 * aMinute, jobPollIntervalMs: 5 * aMinute });
      await bench.advance(90 * aMinute);
      expectEqual([flags.polls, host.outcomes, host.errors], [2, [], []], "polls, jobs and errors");
      expectMatch((await lookAt(bench, runId)).run, { status: "RUNNING" });
      flags.isReady = true;
      await bench.advance(40 * aMinute);
      await bench.pass(host.stop());
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "at last" });
    }),
    ...bothWays("P12", "a wait survives a restart: another process goes on with it", async (bench) => {
      const { workflows, runId, flags } = await startLongWait(bench, 60_000);
      const again = await bench.reopen();
      flags.isReady = true;
      await again.drive(again.createKernel({ workflows }), { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "at last" });
    }),
    ...bothWays("P12", "a retry survives a restart", async (bench) => {
      let isBroken = true;
      const stage = step("a", () => {
        if (isBroken) throw new Error("it broke");
        return "well";
      });
      const workflows = [chain("w", stage)];
      const kernel = bench.createKernel({ workflows });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: async () => (await lookAt(bench, runId)).stages["a"]?.errorMessage === "it broke" });
      isBroken = false;
      const again = await bench.reopen();
      await again.drive(again.createKernel({ workflows }), { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "well" });
    }),
    ...bothWays("P12", "the scheduler is told of every poll", async (bench) => {
      const { kernel, runId } = await startLongWait(bench, 60_000);
      const first = expectPresent((await lookAt(bench, runId)).stages["a"]?.nextPollAt);
      expectEqual(told(bench), [`stage.pollSuspended ${first.toISOString()}`]);
      await bench.advance(60_000);
      await kernel.dispatch({ type: "stage.pollSuspended" });
      const second = expectPresent((await lookAt(bench, runId)).stages["a"]?.nextPollAt);
      expectEqual(told(bench).at(-1), `stage.pollSuspended ${second.toISOString()}`);
      expectIncludes(bench.scheduler.scheduled, { payload: { workflowRunId: runId, stageId: "a" } });
    }),
    claim("P12", "the scheduler is told of a retry and of a start that lies in the future", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            step("a", () => Promise.reject(new Error("it broke"))),
          ),
        ],
      });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await driveCommands(bench, kernel, { until: async () => (await lookAt(bench, runId)).stages["a"]?.errorMessage === "it broke" });
      const retryAt = expectPresent((await lookAt(bench, runId)).stages["a"]?.nextPollAt, "the retry's time");
      expectIncludes(
        told(bench).map((text) => text.split(" ")[1]),
        retryAt.toISOString(),
      );
      const startAt = new Date(bench.environment.now() + 90_000);
      await createRun(kernel, { workflowId: "w", input: {}, startAt });
      expectIncludes(told(bench), `run.claimPending ${startAt.toISOString()}`);
    }),
    ...bothWays("P12", "a scheduler that is out of reach is none of the run's business", async (bench) => {
      const scheduler = { schedule: async () => Promise.reject(new Error("down")), cancel: async () => undefined };
      let polls = 0;
      const stage = waiting("a", () => ({ ready: (polls += 1) > 2, output: 1 }));
      const kernel = bench.createKernel({ workflows: [chain("w", stage)], scheduler });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED" });
    }),
  ],
};
