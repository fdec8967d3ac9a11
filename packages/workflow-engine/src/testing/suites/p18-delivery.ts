// P18: events are written with their change and delivered at least once, in order per run, by one flusher at a time.
import type { Kernel } from "../../kernel/kernel.ts";
import type { KernelEvent } from "../../ports/event.ts";
import type { EventSink } from "../../ports/event-sink.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent, expectRejects, expectTrue } from "../claims.ts";
import { createRun, driveCommands, hasEnded, runToEnd } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, createGate, step, waiting } from "../workflows.ts";

const workflow = () =>
  chain(
    "w",
    step("a", () => 1),
    step("b", () => 2),
  );
const flush = { type: "outbox.flush" } as const;
const typesOf = (events: readonly KernelEvent[]): string[] => events.map(({ type }) => type);

/** A sink that throws for what `isRefused` says, and keeps what it was given. */
function fickle(isRefused: (event: KernelEvent) => boolean): EventSink & { seen: KernelEvent[]; offered: KernelEvent[] } {
  const seen: KernelEvent[] = [];
  const offered: KernelEvent[] = [];
  const emit = async (event: KernelEvent): Promise<void> => {
    offered.push(event);
    if (isRefused(event)) throw new Error("the sink is down");
    seen.push(event);
  };
  return { seen, offered, emit };
}

async function flushAll(bench: Bench, kernel: Kernel): Promise<number> {
  let sum = 0;
  for (let published = 1; published > 0; ) {
    published = (await bench.pass(kernel.dispatch(flush))).published;
    sum += published;
  }
  return sum;
}

/** P18, the sink as a whole. */
export const deliverySuite: Suite = {
  name: "P18 delivery",
  cases: [
    claim("P18", "events are there as soon as their change is, and are counted once published", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      await createRun(kernel, { workflowId: "w", input: {} });
      const [unpublished] = await bench.store.persistence.getUnpublishedOutboxEvents();
      expectMatch(unpublished, { eventType: "workflow:created", publishedAt: null, retryCount: 0, dlqAt: null });
      expectEqual(bench.sink.events, [], "delivered before the flush");
      expectEqual(await kernel.dispatch(flush), { published: 1 });
      expectEqual(await kernel.dispatch(flush), { published: 0 }, "once more");
      expectEqual(await bench.store.persistence.getUnpublishedOutboxEvents(), [], "left over");
    }),
    ...bothWays("P18", "the events of a run come in the order in which things happened, its own next to others'", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const ids = await Promise.all(Array.from({ length: 5 }, () => createRun(kernel, { workflowId: "w", input: {} })));
      await bench.drive(kernel, { until: async () => (await Promise.all(ids.map((id) => hasEnded(bench, id)()))).every(Boolean) });
      const stage = ["stage:started", "stage:completed"];
      for (const id of ids) {
        const events = bench.sink.events.filter((event) => event.workflowRunId === id);
        expectEqual(typesOf(events), ["workflow:created", "workflow:started", ...stage, ...stage, "workflow:completed"]);
      }
    }),
    ...bothWays("P18", "a Date is a Date wherever an event is read, with the time of its change", async (bench) => {
      const kernel = bench.createKernel({
        workflows: [
          chain(
            "w",
            waiting("a", () => ({ ready: true, output: 1 })),
          ),
        ],
      });
      const startedAt = bench.environment.now();
      const { events } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(events[0]?.timestamp, new Date(startedAt), "timestamp");
      expectTrue(
        events.every(({ timestamp }) => timestamp instanceof Date),
        "every timestamp is a Date",
      );
      const [suspended] = bench.sink.getByType("stage:suspended");
      expectTrue(suspended?.nextPollAt instanceof Date, "nextPollAt is a Date");
    }),
    claim("P18", "what a sink refuses is delivered again after a while, and what came behind waits its turn", async (bench) => {
      let isDown = true;
      const sink = fickle(({ type }) => isDown && type === "workflow:started");
      const kernel = bench.createKernel({ workflows: [workflow()], eventSink: sink });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.claimPending", workerId: "x" });
      await kernel.dispatch({ type: "run.cancel", workflowRunId: runId });
      await flushAll(bench, kernel);
      expectEqual(typesOf(sink.seen), ["workflow:created"], "while the sink is down");
      isDown = false;
      await driveCommands(bench, kernel, { until: () => sink.seen.length === 3, maxMs: 60_000 });
      expectEqual(typesOf(sink.seen), ["workflow:created", "workflow:started", "workflow:cancelled"], "afterwards");
    }),
    claim("P18", "a run whose events fail never starves the others", async (bench) => {
      const bad = new Set<string>();
      const sink = fickle(({ workflowRunId }) => bad.has(workflowRunId));
      const kernel = bench.createKernel({ workflows: [workflow()], eventSink: { ...sink, maxRetries: 1_000 } });
      for (let i = 0; i < 20; i++) bad.add(await createRun(kernel, { workflowId: "w", input: {} }));
      const good = await createRun(kernel, { workflowId: "w", input: {} });
      for (let i = 0; i < 40 && sink.seen.length === 0; i++) {
        await kernel.dispatch({ type: "outbox.flush", maxEvents: 5 });
        await bench.advance(500);
      }
      expectEqual(
        sink.seen.map(({ workflowRunId }) => workflowRunId),
        [good],
        "delivered",
      );
    }),
    claim("P18", "an event that fails too often is dead-lettered, those behind it go on, and a replay delivers it", async (bench) => {
      let isPoison = true;
      const sink = fickle(({ type }) => isPoison && type === "workflow:created");
      const kernel = bench.createKernel({ workflows: [workflow()], eventSink: sink });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await kernel.dispatch({ type: "run.cancel", workflowRunId: runId });
      await driveCommands(bench, kernel, { until: () => sink.seen.length === 1, maxMs: 10 * 60_000 });
      expectEqual(sink.offered.filter(({ type }) => type === "workflow:created").length, 3, "tries");
      expectEqual(typesOf(sink.seen), ["workflow:cancelled"], "what came behind it");
      const dead = await bench.store.reader?.listDeadLetters();
      if (dead) expectMatch(dead.items, [{ event: { eventType: "workflow:created", workflowRunId: runId } }]);
      isPoison = false;
      expectEqual(await kernel.dispatch({ type: "plugin.replayDLQ" }), { replayed: 1 });
      await driveCommands(bench, kernel, { until: () => sink.seen.length === 2, maxMs: 60_000 });
      expectEqual(typesOf(sink.seen), ["workflow:cancelled", "workflow:created"], "after the replay");
      expectEqual(await kernel.dispatch({ type: "plugin.replayDLQ" }), { replayed: 0 }, "once more");
    }),
    claim("P18", "of two flushers one is at it", async (bench) => {
      const gate = createGate();
      const seen: string[] = [];
      const eventSink: EventSink = {
        emit: async ({ type }) => {
          seen.push(type);
          await gate.wait();
        },
      };
      const kernel = bench.createKernel({ workflows: [workflow()], eventSink });
      await createRun(kernel, { workflowId: "w", input: {} });
      const first = kernel.dispatch(flush);
      await bench.settle();
      const second = kernel.dispatch(flush);
      await bench.settle();
      gate.open();
      const published = (await bench.pass(Promise.all([first, second]))).map((answer) => answer.published);
      expectEqual([published.sort(), seen], [[0, 1], ["workflow:created"]]);
    }),
    claim("P18", "a flusher that dies is replaced, and its events are delivered", async (bench) => {
      const never: EventSink = { emit: () => new Promise(() => undefined) };
      const dying = bench.createKernel({ workflows: [workflow()], eventSink: never });
      await createRun(dying, { workflowId: "w", input: {} });
      void dying.dispatch(flush);
      await bench.advance(61_000);
      const kernel = (await bench.reopen()).createKernel({ workflows: [workflow()] });
      expectEqual(await kernel.dispatch(flush), { published: 1 });
      expectEqual(typesOf(bench.sink.events), ["workflow:created"]);
    }),
    claim(
      "P18",
      "an event keeps its id and gets a sequence of its run",
      async (bench) => {
        const kernel = bench.createKernel({ workflows: [workflow()] });
        const { runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
        const events = await expectPresent(bench.store.reader).listEvents(runId);
        expectEqual(
          events.map(({ eventType }) => eventType),
          typesOf(bench.sink.events),
          "types",
        );
        expectEqual(new Set(events.map(({ id }) => id)).size, events.length, "different ids");
        expectEqual(
          bench.sink.events.map(({ eventId }) => eventId),
          events.map(({ id }) => id),
          "delivered under their ids",
        );
        const sequences = events.map(({ sequence }) => sequence);
        expectTrue(
          sequences.every((sequence, i) => i === 0 || sequence > sequences[i - 1]!),
          "sequences grow",
        );
        const rest = await expectPresent(bench.store.reader).listEvents(runId, sequences[2], 2);
        expectEqual(
          rest.map(({ id }) => id),
          events.slice(3, 5).map(({ id }) => id),
          "events after a sequence",
        );
      },
      { requires: ["reader"] },
    ),
    claim("P18", "what a refused change would have told is not told", async (bench) => {
      const kernel = bench.createKernel({ workflows: [workflow()] });
      const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
      await flushAll(bench, kernel);
      bench.sink.clear();
      await expectRejects(kernel.dispatch({ type: "run.rerunFrom", workflowRunId, fromStageId: "a" }), { code: "RUN_STATE" });
      expectEqual(await flushAll(bench, kernel), 0, "published");
      expectEqual(bench.sink.events, [], "events");
    }),
  ],
};
