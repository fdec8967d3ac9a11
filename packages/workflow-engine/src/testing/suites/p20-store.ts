// P20 and P21: a change is all or nothing, one that is refused takes no other with it, time comes from the clock, and migrations may
// run twice, at once, and with runs in flight. The port's own methods are in persistence-suite.ts and run-store-suite.ts.
import { expectEqual, expectMatch, expectPresent, expectRejects, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt, runToEnd, stageIs } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, step, waiting } from "../workflows.ts";

const workflow = () =>
  chain(
    "w",
    step("a", ({ input }) => input),
  );

/** P20 and P21. */
export const storeSuite: Suite = {
  name: "P20 store, P21 migrations",
  cases: [
    claim("P20", "one change that is refused takes none of those beside it", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const ids = await Promise.all(Array.from({ length: 9 }, () => createRun(kernel, { workflowId: "w", input: {} })));
      const units = ids.map((runId, i) =>
        bench.store.runStore.transact({
          runId,
          decide: () => {
            if (i === 4) throw new Error("not this one");
            return { result: i, run: { status: "CANCELLED" as const, completedAt: 1, queuedAt: null } };
          },
        }),
      );
      const ends = await bench.pass(Promise.allSettled(units));
      expectEqual(
        ends.map(({ status }) => status === "fulfilled"),
        ids.map((_, i) => i !== 4),
        "which succeeded",
      );
      const statuses = await Promise.all(ids.map((id) => bench.store.persistence.getRunStatus(id)));
      expectEqual(
        statuses,
        ids.map((_, i) => (i === 4 ? "PENDING" : "CANCELLED")),
      );
    }),
    ...bothWays("P20", "text that some database refuses is kept or refused alone, and never lost silently", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const texts = ["plain", "nul \u0000", "lone \ud800", "emoji 🦉", "quote ' \" \\"];
      const ends = await bench.pass(Promise.allSettled(texts.map((input) => createRun(kernel, { workflowId: "w", input }))));
      const created = ends.map((end) => (end.status === "fulfilled" ? end.value : null));
      for (const i of [0, 3, 4]) expectPresent(created[i], `the run with ${texts[i]}`);
      for (const [i, runId] of created.entries()) {
        if (runId === null) continue;
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const { run } = await lookAt(bench, runId);
        if (run.status === "COMPLETED") expectEqual([run.input, run.output], [texts[i], texts[i]], "what came back");
      }
    }),
    claim("P20", "a unit whose rows cannot be written leaves nothing of itself behind", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      const before = await lookAt(bench, runId);
      const events = await bench.store.persistence.getUnpublishedOutboxEvents();
      const broken = bench.store.runStore.transact({
        runId,
        decide: () => ({
          result: 1,
          run: { status: "RUNNING", startedAt: 1, queuedAt: null },
          stages: [{ stageId: "missing", item: 0, set: { status: "COMPLETED" } }],
          events: [{ type: "workflow:started" }],
        }),
      });
      await expectRejects(bench.pass(broken));
      expectEqual((await lookAt(bench, runId)).run, before.run, "the run");
      expectEqual(await bench.store.persistence.getUnpublishedOutboxEvents(), events, "events");
    }),
    ...bothWays("P20", "times are those of the clock, down to the millisecond", async (bench) => {
      await bench.advance(12_345);
      const before = bench.environment.now();
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const { run, stages } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      const after = bench.environment.now();
      const times = [run.createdAt, run.startedAt, run.completedAt, stages["a"]?.startedAt, stages["a"]?.completedAt];
      for (const time of times) expectTrue(time instanceof Date && time.getTime() >= before && time.getTime() <= after, "a time between");
      expectEqual(run.duration, expectPresent(run.completedAt).getTime() - expectPresent(run.startedAt).getTime(), "duration");
    }),
    claim("P21", "migrations may run twice and at once", async (bench) => {
      const others = [await bench.reopen(), await bench.reopen()];
      await bench.pass(Promise.all([bench, ...others, ...others].map((each) => each.store.migrate?.())));
      const kernel = bench.createKernel({ workflows: [workflow()] });
      expectMatch((await runToEnd(bench, kernel, { workflowId: "w", input: 1 })).run, { status: "COMPLETED", output: 1 });
    }),
    ...bothWays("P21", "migrations run with runs in flight, which then go on", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            waiting("a", () => ({ ready: true, output: "kept" }), { pollInterval: 60_000 }),
          ),
        ],
      });
      const waits = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: stageIs(bench, waits, "a", "SUSPENDED") });
      const queued = await createRun(kernel, { workflowId: "w", input: {} });
      await (await bench.reopen()).store.migrate?.();
      for (const runId of [waits, queued]) {
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: "kept" });
      }
    }),
  ],
};
