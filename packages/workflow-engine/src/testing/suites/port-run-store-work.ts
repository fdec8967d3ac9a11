// RunStore, what workers take: jobs, polls, leases, and what is stale, lost, stranded or due.
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent } from "../claims.ts";
import { change, decide, instance, look, newStage, openRun, rival, startRun } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

const known = { workflowIds: ["w"] } as const;

async function takeIds(bench: Bench, max: number, who = instance, workflowIds: readonly string[] = known.workflowIds): Promise<string[]> {
  const jobs = await bench.pass(bench.store.runStore.takeJobs({ instance: who, max, workflowIds }));
  return jobs.map(({ runId, stageId }) => `${runId}/${stageId}`);
}

/** A stage that waits for a poll. */
const polled = (bench: Bench, runId: string, stageId: string, pollAt: number) =>
  newStage(bench, runId, stageId, {
    status: "SUSPENDED",
    waitReason: "poll",
    readyAt: null,
    pollAt,
    pollIntervalMs: 500,
    maxWaitUntil: pollAt + 9_000,
  });

/** RunStore: work. */
export const runStoreWorkSuite: Suite = {
  name: "RunStore: work",
  cases: [
    claim("P13", "a taken job is leased: RUNNING, one more attempt, told as started; nobody else gets it", async (bench) => {
      await startRun(bench, "r1", ["a"], { input: '{"in":1}', config: '{"a":{"c":1}}' });
      const [job] = await bench.pass(bench.store.runStore.takeJobs({ instance, max: 5, ...known }));
      expectMatch(job, { runId: "r1", stageId: "a", item: 0, workflowId: "w", group: 1, attempt: 1, maxAttempts: 3, resume: null });
      expectEqual(
        [JSON.parse(expectPresent(job).payloads.input), JSON.parse(expectPresent(job).payloads.config)],
        [{ in: 1 }, { a: { c: 1 } }],
      );
      expectMatch((await look(bench, "r1")).stages, [
        { status: "RUNNING", attempt: 1, executionId: job?.executionId, lease: { instanceId: instance.id, workerId: "worker" } },
      ]);
      expectEqual(await takeIds(bench, 5, rival), [], "what a rival gets");
      expectMatch(await bench.store.runStore.listLeased(instance), [{ runId: "r1", stageId: "a" }]);
      expectEqual(await bench.store.runStore.listLeased(rival), []);
      const types = (await bench.store.persistence.getUnpublishedOutboxEvents()).map(({ eventType }) => eventType);
      expectEqual(types.filter((type) => type === "stage:started").length, 1, "stage:started");
    }),
    claim("P3", "jobs come by the priority of their run, then as they became due; of known workflows only, and bounded", async (bench) => {
      await startRun(bench, "low", ["a"], { priority: 1 });
      await bench.advance(10);
      await startRun(bench, "one", ["a"]);
      await bench.advance(10);
      await startRun(bench, "two", ["a"]);
      await bench.advance(10);
      await startRun(bench, "high", ["a"], { priority: 9 });
      await startRun(bench, "foreign", ["a"], { priority: 99, workflowId: "unknown" });
      expectEqual(await takeIds(bench, 3), ["high/a", "one/a", "two/a"]);
      expectEqual(await takeIds(bench, 3), ["low/a"]);
      await bench.advance(5_000); // a foreign queue cannot look into its jobs: what it gave back comes again after this long
      expectEqual(await takeIds(bench, 3, instance, ["unknown"]), ["foreign/a"]);
    }),
    claim("port", "a job that is due later is not given before, and is the next wake-up", async (bench) => {
      const at = bench.environment.now() + 5_000;
      await startRun(bench, "r1", [newStage(bench, "r1", "a", { readyAt: at, waitReason: "retry" })]);
      expectEqual(await takeIds(bench, 5), []);
      expectEqual(await bench.store.runStore.nextWakeAt(), at);
      await bench.advance(5_000);
      expectEqual(await takeIds(bench, 5), ["r1/a"]);
      expectEqual(await bench.store.runStore.nextWakeAt(), null, "nothing waits");
    }),
    claim("port", "rivals that take at once never share a job", async (bench) => {
      for (let i = 0; i < 6; i++) await startRun(bench, `r${i}`, ["a", newStage(bench, `r${i}`, "b", { number: 2 })]);
      const taken = await Promise.all([takeIds(bench, 5), takeIds(bench, 5, rival), takeIds(bench, 5)]);
      const all = [...taken.flat(), ...(await takeIds(bench, 20))];
      expectEqual([all.length, new Set(all).size], [12, 12]);
    }),
    claim("port", "jobs of runs that are not RUNNING are not given", async (bench) => {
      await startRun(bench, "r1", ["a"]);
      await change(bench, "r1", { run: { status: "CANCELLED", completedAt: 1 } });
      expectEqual(await takeIds(bench, 5), []);
    }),
    claim("P10", "a due poll is taken once, held under a new execution id, and comes again when its poller is gone", async (bench) => {
      const { runStore } = bench.store;
      const now = bench.environment.now();
      await startRun(bench, "r1", [polled(bench, "r1", "a", now + 1_000), polled(bench, "r1", "b", now + 60_000)], {
        config: '{"a":{"c":1}}',
      });
      await change(bench, "r1", { stages: [{ stageId: "a", item: 0, set: {}, payloads: { state: '{"batchId":"x"}' } }] });
      const take = () => bench.pass(runStore.takePolls({ max: 5, holdMs: 30_000, ...known }));
      expectEqual(await take(), [], "before it is due");
      expectEqual(await runStore.nextWakeAt(), now + 1_000);
      await bench.advance(1_000);
      const polls = [...(await Promise.all([take(), take()]))].flat();
      expectMatch(polls, [
        { runId: "r1", stageId: "a", workflowId: "w", pollIntervalMs: 500, maxWaitUntil: now + 10_000, pollFailures: 0 },
      ]);
      expectEqual(JSON.parse(expectPresent(polls[0]).state), { batchId: "x" });
      const { stages } = await look(bench, "r1");
      expectMatch(stages[0], { status: "SUSPENDED", executionId: polls[0]?.executionId });
      expectEqual(polls[0]?.executionId === "execution-r1-a", false, "the old execution id");
      await bench.advance(30_000);
      expectMatch(await take(), [{ stageId: "a" }], "when its poller is gone");
      expectEqual(await bench.pass(runStore.takePolls({ max: 5, holdMs: 1, workflowIds: ["other"] })), [], "of other workflows");
    }),
    claim("P14", "a lease is stale when neither it nor its instance has been heard of; a forgotten instance's at once", async (bench) => {
      const { runStore } = bench.store;
      await startRun(bench, "r1", ["a"]);
      await startRun(bench, "r2", ["a"]);
      expectEqual(await takeIds(bench, 1), ["r1/a"]);
      expectEqual(await takeIds(bench, 1, rival), ["r2/a"]);
      await bench.advance(40_000);
      await runStore.heartbeat(rival);
      await bench.advance(30_000);
      expectMatch(await runStore.listStale(60_000, 10), [{ runId: "r1", stageId: "a" }]);
      expectEqual(await runStore.listStale(80_000, 10), []);
      await runStore.forget(rival);
      expectEqual((await runStore.listStale(60_000, 10)).map(({ runId }) => runId).sort(), ["r1", "r2"]);
      expectEqual((await runStore.listStale(60_000, 1)).length, 1, "bounded");
    }),
    claim("P13", "what is no longer RUNNING under its id is lost", async (bench) => {
      const { runStore } = bench.store;
      await startRun(bench, "r1", ["a", newStage(bench, "r1", "b", { number: 2 })]);
      await startRun(bench, "r2", ["a"]);
      const held = await bench.pass(runStore.takeJobs({ instance, max: 5, ...known }));
      expectEqual(await runStore.listLost(held), []);
      await change(bench, "r1", { stages: [{ stageId: "b", item: 0, set: { executionId: "another" } }] });
      await change(bench, "r2", { run: { status: "CANCELLED", completedAt: 1 }, endOpen: "CANCELLED" });
      const lost = await runStore.listLost(held);
      expectEqual(lost.map(({ runId, stageId }) => `${runId}/${stageId}`).sort(), ["r1/b", "r2/a"]);
    }),
    claim("P17", "a run whose group has ended and that nobody moved on is stranded", async (bench) => {
      const { runStore } = bench.store;
      const now = bench.environment.now();
      await startRun(bench, "r1", ["a"]);
      await startRun(bench, "r2", ["a"]);
      await change(bench, "r1", {
        stages: [{ stageId: "a", item: 0, set: { status: "COMPLETED", completedAt: now, readyAt: null } }],
        run: { open: 0, transitionAt: now },
      });
      expectEqual(await runStore.listStranded(now - 1, 10), [], "too young");
      expectEqual(await runStore.listStranded(now + 1, 10), ["r1"]);
    }),
    claim("port", "what stages read: input, config, and outputs of COMPLETED stages with their groups", async (bench) => {
      const { runStore } = bench.store;
      await startRun(bench, "r1", ["a", newStage(bench, "r1", "b", { number: 2 })], { input: '{"in":1}' });
      const set = { status: "COMPLETED" as const, completedAt: 1, readyAt: null };
      await change(bench, "r1", { stages: [{ stageId: "a", item: 0, set, payloads: { output: "0" } }], run: { open: 1 } });
      const payloads = expectPresent(await runStore.loadPayloads("r1"));
      expectEqual([JSON.parse(payloads.input), payloads.groups], [{ in: 1 }, { a: 1 }]);
      expectEqual(
        Object.entries(payloads.outputs).map(([id, text]) => [id, JSON.parse(text)]),
        [["a", 0]],
      );
      expectEqual(await runStore.loadPayloads("nobody"), null);
    }),
    claim("port", "what a stage left for its resumption is kept with it", async (bench) => {
      const { runStore } = bench.store;
      await startRun(bench, "r1", ["a"]);
      expectEqual(await runStore.loadResume({ runId: "r1", stageId: "a", item: 0 }), null);
      await change(bench, "r1", { stages: [{ stageId: "a", item: 0, set: {}, payloads: { resume: '{"at":4}' } }] });
      expectEqual(JSON.parse(expectPresent(await runStore.loadResume({ runId: "r1", stageId: "a", item: 0 }))), { at: 4 });
      const [job] = await bench.pass(runStore.takeJobs({ instance, max: 1, ...known }));
      expectEqual(JSON.parse(expectPresent(job?.resume)), { at: 4 });
    }),
    claim("P3", "the workflows of what waits can be listed", async (bench) => {
      await openRun(bench, "r1", { workflowId: "pending" });
      await startRun(bench, "r2", ["a"], { workflowId: "running" });
      expectEqual(await bench.store.runStore.listQueuedWorkflowIds(), ["pending", "running"]);
    }),
    claim(
      "P16",
      "every commit that matters is signalled to this process",
      async (bench) => {
        const told: string[] = [];
        const unsubscribe = bench.store.runStore.onSignal(({ hasWork, hasEvents, mayHaveLost, ended }) => {
          if (hasWork) told.push("work");
          if (hasEvents) told.push("events");
          if (mayHaveLost) told.push("lost");
          told.push(...(ended ?? []));
        });
        // whoever begins to listen to other processes is told to look once
        await bench.settle();
        told.length = 0;
        await openRun(bench, "r1");
        expectEqual([...told].sort(), ["events", "work"], "a new run");
        told.length = 0;
        await decide(bench, "r1", () => ({ result: 1, run: { status: "RUNNING", queuedAt: null } }));
        told.length = 0;
        await change(bench, "r1", { run: { status: "CANCELLED", completedAt: 1 } });
        expectEqual([...told].sort(), ["lost", "r1"], "a cancelled run");
        unsubscribe();
        told.length = 0;
        await openRun(bench, "r2");
        expectEqual(told, [], "after unsubscribing");
      },
      { requires: ["signals"] },
    ),
  ],
};
