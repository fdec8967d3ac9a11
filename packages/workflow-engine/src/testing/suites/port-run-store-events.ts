// RunStore, events on their way out, and what a sweep takes away.
import type { Delivery, EventBatch } from "../../ports/store.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent, expectTrue } from "../claims.ts";
import { change, openRun, startRun } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

const leaseMs = 30_000;

async function take(bench: Bench, max = 100): Promise<EventBatch> {
  return expectPresent(await bench.store.runStore.takeEvents({ max, leaseMs }), "the batch");
}

function settle({ store }: Bench, batch: EventBatch, failed: Delivery[] = [], delivered: Delivery[] = []): Promise<boolean> {
  return store.runStore.settleEvents({ token: batch.token, published: batch.fresh, failed, delivered });
}

const started = (n: number) => ({ type: "stage:started", stageId: `s${n}`, stageName: "S", stageNumber: n }) as const;

/** RunStore: events and sweep. */
export const runStoreEventsSuite: Suite = {
  name: "RunStore: events and sweep",
  cases: [
    claim("P18", "events come in order per run, sequenced, with their fields, until they are settled", async (bench) => {
      await openRun(bench, "r1");
      await openRun(bench, "r2");
      await change(bench, "r1", { events: [started(1), started(2)] });
      const batch = await take(bench);
      const ofOne = batch.fresh.filter(({ runId }) => runId === "r1");
      expectMatch(ofOne, [
        { type: "workflow:created", fields: { workflowId: "w" }, occurredAt: bench.environment.now() },
        { type: "stage:started", fields: { stageId: "s1", stageNumber: 1 } },
        { type: "stage:started", fields: { stageId: "s2" } },
      ]);
      expectTrue(
        ofOne.every(({ sequence }, i) => i === 0 || sequence > ofOne[i - 1]!.sequence),
        "sequences grow",
      );
      expectEqual(batch.fresh.length, 4, "events");
      expectEqual(await settle(bench, batch), true);
      const next = await take(bench);
      expectEqual(next.fresh, [], "afterwards");
      await settle(bench, next);
      await change(bench, "r1", { events: [started(3)] });
      const [later] = (await take(bench)).fresh;
      expectTrue(expectPresent(later).sequence > expectPresent(ofOne.at(-1)).sequence, "later events come after");
    }),
    claim(
      "P18",
      "one flusher at a time; when its lease is over another gets the same events, and the first may not settle",
      async (bench) => {
        await openRun(bench, "r1");
        const first = await take(bench);
        expectEqual(await bench.store.runStore.takeEvents({ max: 10, leaseMs }), null, "a second flusher");
        await bench.advance(leaseMs + 1);
        const second = await take(bench);
        expectEqual(
          second.fresh.map(({ id }) => id),
          first.fresh.map(({ id }) => id),
          "the same events",
        );
        expectEqual(await settle(bench, first), false, "the first settles");
        expectEqual(await settle(bench, second), true, "the second settles");
      },
    ),
    claim("P18", "a batch is bounded, and the rest follows", async (bench) => {
      for (let i = 0; i < 7; i++) await openRun(bench, `r${i}`);
      const ids: string[] = [];
      for (let batch = await take(bench, 3); batch.fresh.length > 0; batch = await take(bench, 3)) {
        expectTrue(batch.fresh.length <= 3, "at most three");
        ids.push(...batch.fresh.map(({ runId }) => runId));
        await settle(bench, batch);
      }
      expectEqual(
        ids.sort(),
        Array.from({ length: 7 }, (_, i) => `r${i}`),
      );
    }),
    claim(
      "P18",
      "a delivery that failed comes again when it is due, is dead when it says so, and a replay brings it back",
      async (bench) => {
        await openRun(bench, "r1");
        const batch = await take(bench);
        const event = expectPresent(batch.fresh[0]);
        const now = bench.environment.now();
        const delivery: Delivery = { consumer: "c", event, tries: 1, nextAt: now + 5_000, deadAt: null, error: "down" };
        await settle(bench, batch, [delivery]);
        const early = await take(bench);
        expectEqual([early.fresh, early.pending], [[], []], "before it is due");
        await settle(bench, early);
        await bench.advance(5_000);
        const due = await take(bench);
        expectMatch(due.pending, [{ consumer: "c", tries: 1, event: { id: event.id, type: "workflow:created" } }]);
        await settle(bench, due, [{ ...delivery, tries: 2, nextAt: null, deadAt: bench.environment.now() }]);
        await bench.advance(60_000);
        const dead = await take(bench);
        expectEqual(dead.pending, [], "dead");
        await settle(bench, dead);
        expectEqual(await bench.store.runStore.replayDeadLetters(10), 1);
        const replayed = await take(bench);
        expectMatch(replayed.pending, [{ consumer: "c", tries: 0, event: { id: event.id } }]);
        await settle(bench, replayed, [], replayed.pending);
        await bench.advance(60_000);
        const after = await take(bench);
        expectEqual([after.fresh, after.pending], [[], []], "delivered");
      },
      { requires: ["consumers"] },
    ),
    claim(
      "P18",
      "fresh events of a run come with what that run still has to deliver",
      async (bench) => {
        await openRun(bench, "r1");
        const batch = await take(bench);
        const event = expectPresent(batch.fresh[0]);
        await settle(bench, batch, [
          { consumer: "c", event, tries: 1, nextAt: bench.environment.now() + 60_000, deadAt: null, error: "down" },
        ]);
        await change(bench, "r1", { events: [started(1)] });
        const next = await take(bench);
        expectMatch([next.fresh.length, next.pending], [1, [{ consumer: "c", event: { id: event.id } }]]);
        await settle(bench, next);
      },
      { requires: ["consumers"] },
    ),
    claim(
      "P22",
      "a sweep takes published events, used keys and ended runs of before its limits, and tells what it took",
      async (bench) => {
        const { runStore, persistence } = bench.store;
        await startRun(bench, "ended", ["a"]);
        await startRun(bench, "running", ["a"]);
        await change(bench, "ended", {
          run: { status: "COMPLETED", completedAt: bench.environment.now(), open: 0, output: "1" },
          endOpen: "CANCELLED",
        });
        await settle(bench, await take(bench));
        await persistence.acquireIdempotencyKey("k", "t");
        await persistence.completeIdempotencyKey("k", "t", 1);
        const before = { publishedBefore: 0, deadBefore: 0, keysBefore: 0, endedRunsBefore: 0, max: 100 };
        expectMatch(await runStore.sweep(before), { events: 0, keys: 0, runs: [] });
        await bench.advance(10);
        const now = bench.environment.now();
        const swept = await runStore.sweep({ publishedBefore: now, deadBefore: now, keysBefore: now, endedRunsBefore: now, max: 100 });
        expectMatch(swept, { keys: 1, runs: [{ runId: "ended", workflowId: "w" }] });
        expectTrue(swept.events >= 1, "events swept");
        expectEqual(await persistence.acquireIdempotencyKey("k", "t"), { status: "acquired" }, "the key");
        expectEqual(await persistence.getRun("ended"), null, "the ended run");
        expectMatch(await persistence.getRun("running"), { status: "RUNNING" });
      },
      { requires: ["retention"] },
    ),
    claim(
      "P22",
      "executions that lost their stage are orphans once, when they are old",
      async (bench) => {
        await startRun(bench, "r1", ["a"]);
        const at = bench.environment.now();
        const lost = {
          stageId: "a",
          item: 0,
          attempt: 1,
          executionId: "gone",
          workerId: null,
          startedAt: at,
          endedAt: at,
          outcome: "LOST",
          error: null,
        } as const;
        await change(bench, "r1", { attempts: [lost] });
        await bench.advance(10);
        const limits = { publishedBefore: at + 5, deadBefore: 0, keysBefore: 0, endedRunsBefore: null, max: 100 };
        expectEqual((await bench.store.runStore.sweep({ ...limits, publishedBefore: at })).orphans, [], "too young");
        expectMatch((await bench.store.runStore.sweep(limits)).orphans, [
          { runId: "r1", stageId: "a", executionId: "gone", workflowId: "w" },
        ]);
        expectEqual((await bench.store.runStore.sweep(limits)).orphans, [], "once more");
      },
      { requires: ["retention", "attempts"] },
    ),
  ],
};
