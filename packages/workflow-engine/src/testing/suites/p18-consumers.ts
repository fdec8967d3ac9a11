// P18: each consumer has its own progress: one that fails is retried alone, then its delivery is dead-lettered; others see nothing of it.
import { createPluginRunner, definePlugin } from "../../kernel/plugins.ts";
import type { EventType, KernelEvent } from "../../ports/event.ts";
import { expectBetween, expectEqual, expectMatch } from "../claims.ts";
import { createRun, driveCommands, runToEnd } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, step } from "../workflows.ts";

const requires = ["consumers"] as const;
const runEvents = ["workflow:created", "workflow:started", "workflow:cancelled", "workflow:completed"] as const satisfies EventType[];

/** A plugin that keeps what it was offered and what it took. */
function recorder(id: string, isRefused: (event: Pick<KernelEvent, "type">) => boolean = () => false) {
  const offered: string[] = [];
  const taken: string[] = [];
  const plugin = definePlugin({
    id,
    name: id,
    on: runEvents,
    handle: (event) => {
      offered.push(event.type);
      if (isRefused(event)) throw new Error(`${id} is down`);
      taken.push(event.type);
    },
  });
  return { offered, taken, plugin };
}

const workflow = () =>
  chain(
    "w",
    step("a", () => 1),
  );

/** P18, consumers. */
export const consumersSuite: Suite = {
  name: "P18 consumers",
  cases: [
    ...bothWays("P18", "a plugin gets the events it asked for, and no others", async (bench) => {
      const all = recorder("all");
      const kernel = bench.createKernel({ workflows: [workflow()], eventSink: createPluginRunner({ plugins: [all.plugin] }) });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: () => all.taken.includes("workflow:completed") });
      expectEqual(all.taken, ["workflow:created", "workflow:started", "workflow:completed"], `events of ${runId}`);
    }),
    claim(
      "P18",
      "a plugin that fails is retried alone: the others see each event once",
      async (bench) => {
        let failures = 2;
        const bad = recorder("bad", () => (failures -= 1) >= 0);
        const good = recorder("good");
        const kernel = bench.createKernel({
          workflows: [workflow()],
          eventSink: createPluginRunner({ plugins: [bad.plugin, good.plugin] }),
        });
        const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
        await kernel.dispatch({ type: "run.cancel", workflowRunId });
        await driveCommands(bench, kernel, { until: () => bad.taken.length === 2, maxMs: 60_000 });
        const both = ["workflow:created", "workflow:cancelled"];
        expectEqual([bad.taken, good.offered], [both, both], "taken by the one, offered to the other");
        expectEqual(bad.offered, ["workflow:created", "workflow:created", ...both], "offered to the one that failed");
      },
      { requires },
    ),
    claim(
      "P18",
      "retries are spaced, and behind them the later events of that run wait for that plugin alone",
      async (bench) => {
        const at: number[] = [];
        const bad = recorder("bad", ({ type }) => type === "workflow:created" && at.push(bench.environment.now()) < 3);
        const kernel = bench.createKernel({ workflows: [workflow()], eventSink: createPluginRunner({ plugins: [bad.plugin] }) });
        const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
        await driveCommands(bench, kernel, { until: () => at.length === 1, stepMs: 50 });
        await kernel.dispatch({ type: "run.cancel", workflowRunId }).catch(() => undefined);
        await driveCommands(bench, kernel, { until: () => bad.taken.length >= 2, stepMs: 50, maxMs: 60_000 });
        expectBetween(at[1]! - at[0]!, 1_000, 1_400, "first pause");
        expectBetween(at[2]! - at[1]!, 2_000, 2_700, "second pause");
        expectEqual(bad.taken[0], "workflow:created", "what was taken first");
      },
      { requires },
    ),
    claim(
      "P18",
      "a delivery that fails too often is dead for that plugin alone, and a replay brings it to that plugin alone",
      async (bench) => {
        let isPoison = true;
        const bad = recorder("bad", ({ type }) => isPoison && type === "workflow:created");
        const good = recorder("good");
        const eventSink = createPluginRunner({ plugins: [bad.plugin, good.plugin], maxRetries: 2 });
        const kernel = bench.createKernel({ workflows: [workflow()], eventSink });
        const workflowRunId = await createRun(kernel, { workflowId: "w", input: {} });
        await kernel.dispatch({ type: "run.cancel", workflowRunId });
        await driveCommands(bench, kernel, { until: () => bad.taken.length === 1, maxMs: 60_000 });
        expectEqual(bad.offered.filter((type) => type === "workflow:created").length, 2, "tries");
        const dead = await bench.store.reader?.listDeadLetters();
        if (dead) expectMatch(dead.items, [{ consumer: "bad", tries: 2, error: "bad is down", event: { eventType: "workflow:created" } }]);
        isPoison = false;
        expectEqual(await kernel.dispatch({ type: "plugin.replayDLQ" }), { replayed: 1 });
        await driveCommands(bench, kernel, { until: () => bad.taken.length === 2, maxMs: 60_000 });
        expectEqual(bad.taken, ["workflow:cancelled", "workflow:created"]);
        expectEqual(good.offered, ["workflow:created", "workflow:cancelled"], "offered to the other");
      },
      { requires },
    ),
    claim("P18", "two plugins of one id are refused", async () => {
      let error: unknown;
      try {
        createPluginRunner({ plugins: [recorder("x").plugin, recorder("x").plugin] });
      } catch (thrown) {
        error = thrown;
      }
      expectMatch(error, { code: "INVALID_DEFINITION" });
    }),
    ...bothWays("P18", "without a sink events are kept for readers and go nowhere", async (bench) => {
      const eventSink = { emit: () => undefined, consumers: [] };
      const kernel = bench.createKernel({ workflows: [workflow()], eventSink });
      const { run, runId } = await runToEnd(bench, kernel, { workflowId: "w", input: {} });
      expectEqual(run.status, "COMPLETED");
      await kernel.dispatch({ type: "outbox.flush" });
      const events = await bench.store.reader?.listEvents(runId);
      if (events) expectEqual(events.at(-1)?.eventType, "workflow:completed", "the last event");
    }),
  ],
};
