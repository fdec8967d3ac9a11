// Events of a CRUD adapter on their way to consumers (P18).
import { describe, expect, it } from "vitest";
import { createPluginRunner, definePlugin } from "../kernel/plugins.ts";
import type { EventSink } from "../ports/event-sink.ts";
import { stageOf, World, workflowOf } from "./crud-world.test-double.ts";

const one = workflowOf("one", [stageOf("a")]);

/** A world whose events one flusher hands to `sink`. */
function worldWith(sink: EventSink) {
  const world = new World([one]);
  const flusher = world.process([one], sink);
  const flush = async (): Promise<number> => (await flusher.dispatch({ type: "outbox.flush" })).published;
  return { world, flusher, flush };
}

describe("P18 on a CRUD adapter", () => {
  it("events of one run wait behind one that failed, those of others do not, and nothing is lost or out of order", async () => {
    const seen: string[] = [];
    let isBroken = true;
    let bad = "";
    const { world, flush } = worldWith({
      emit: (event) => {
        if (isBroken && event.workflowRunId === bad) throw new Error("down");
        seen.push(`${event.workflowRunId === bad ? "bad" : "good"} ${event.type}`);
      },
    });
    bad = await world.create("one");
    await world.create("one");
    await world.work();
    await flush();
    expect(seen.every((event) => event.startsWith("good"))).toBe(true);
    expect(seen.at(-1)).toBe("good workflow:completed");
    isBroken = false;
    expect(await flush()).toBe(0);
    await world.advance(1_250);
    while ((await flush()) > 0);
    const ofBad = seen.filter((event) => event.startsWith("bad")).map((event) => event.slice(4));
    expect(ofBad).toEqual(["workflow:created", "workflow:started", "stage:started", "stage:completed", "workflow:completed"]);
    expect(await world.adapter.getUnpublishedOutboxEvents(100)).toEqual([]);
  });

  it("a failing run never starves the others, however much it has to tell", async () => {
    const seen: string[] = [];
    let bad = "";
    const { world, flusher } = worldWith({
      emit: (event) => {
        if (event.workflowRunId === bad) throw new Error("down");
        seen.push(event.type);
      },
    });
    bad = await world.create("one");
    await world.work();
    await world.create("one");
    for (let i = 0; i < 6; i++) await flusher.dispatch({ type: "outbox.flush", maxEvents: 1 });
    expect(seen).toContain("workflow:created");
  });

  it("one consumer that fails is retried alone, dead-lettered, and gets the event again by replay", async () => {
    const seen: string[] = [];
    let isBroken = true;
    const consumerOf = (id: string, isBad: () => boolean) =>
      definePlugin({
        id,
        name: id,
        on: ["workflow:created"],
        handle: () => {
          if (isBad()) throw new Error(`${id} is down`);
          seen.push(id);
        },
      });
    const plugins = [consumerOf("good", () => false), consumerOf("bad", () => isBroken)];
    const { world, flusher, flush } = worldWith(createPluginRunner({ plugins, maxRetries: 2 }));
    await world.create("one");
    await flush();
    expect((await world.adapter.getUnpublishedOutboxEvents())[0]).toMatchObject({ retryCount: 1 });
    await world.advance(10_000);
    await flush();
    expect(await world.adapter.getUnpublishedOutboxEvents()).toEqual([]);
    isBroken = false;
    expect(await flusher.dispatch({ type: "plugin.replayDLQ" })).toEqual({ replayed: 1 });
    await flush();
    expect(seen).toEqual(["good", "bad"]);
    expect(await flusher.dispatch({ type: "plugin.replayDLQ" })).toEqual({ replayed: 0 });
  });

  it("one flush of a process is under way at a time, and one whose queue is down still publishes", async () => {
    const seen: string[] = [];
    const { world, flush } = worldWith({ emit: (event) => void seen.push(event.type) });
    world.queue.isDown = true;
    await world.create("one");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    await Promise.all([flush(), flush(), flush()]);
    expect(seen).toEqual(["workflow:created", "workflow:started"]);
  });
});
