// P18: what one flush does with its batch.
import { describe, expect, it } from "vitest";
import type { KernelEvent } from "../../ports/event.ts";
import type { EventSink } from "../../ports/event-sink.ts";
import { chain, step } from "../../testing/workflows.ts";
import { create, openKernel } from "../kernel.test-fixture.ts";
import { createPluginRunner, definePlugin } from "../plugins.ts";

const workflow = chain(
  "w",
  step("a", () => 1),
);
const types = ["workflow:created", "workflow:started", "stage:started", "workflow:cancelled"] as const;
const flush = { type: "outbox.flush" } as const;

/** A plugin that fails while `fails` says so, and what it has seen as `run type`. */
function plugin(id: string, fails: (event: KernelEvent) => boolean = () => false) {
  const seen: string[] = [];
  const tried: string[] = [];
  const handle = (event: KernelEvent): void => {
    tried.push(`${event.workflowRunId} ${event.type}`);
    if (fails(event)) throw new Error(`${id} is down`);
    seen.push(`${event.workflowRunId} ${event.type}`);
  };
  return { plugin: definePlugin({ id, name: id, on: types, handle }), seen, tried };
}

/** A kernel with two runs under way, three events each. */
async function open(eventSink: EventSink) {
  const opened = openKernel([workflow], { eventSink });
  const [one, two] = [
    (await opened.kernel.dispatch(create)).workflowRunId,
    (await opened.kernel.dispatch({ ...create, idempotencyKey: "k2" })).workflowRunId,
  ];
  await opened.kernel.dispatch({ type: "run.claimPending", workerId: "w1" });
  const session = opened.kernel.work.openSession({ workerId: "w1" });
  await session.take(2);
  return { ...opened, session, one: one!, two: two! };
}

const told = (runId: string): string[] => types.slice(0, 3).map((type) => `${runId} ${type}`);

describe("outbox.flush", () => {
  it("delivers in order per run, once, and says how many", async () => {
    const a = plugin("a");
    const { kernel, one, two } = await open(createPluginRunner({ plugins: [a.plugin] }));
    expect(await kernel.dispatch(flush)).toEqual({ published: 6 });
    expect(a.seen.filter((event) => event.startsWith(one))).toEqual(told(one));
    expect(a.seen.filter((event) => event.startsWith(two))).toEqual(told(two));
    expect(await kernel.dispatch(flush)).toEqual({ published: 0 });
  });

  it("a consumer that fails is retried alone, with backoff, and its later events of that run wait behind", async () => {
    let isDown = true;
    const bad = plugin("bad", () => isDown);
    const good = plugin("good");
    const { kernel, environment, one, two } = await open(createPluginRunner({ plugins: [bad.plugin, good.plugin] }));
    expect(await kernel.dispatch(flush)).toEqual({ published: 0 });
    expect(good.seen.toSorted()).toEqual([...told(one), ...told(two)].toSorted());
    expect(bad.tried.toSorted()).toEqual([told(one)[0], told(two)[0]].toSorted());
    await kernel.dispatch(flush);
    expect(bad.tried).toHaveLength(2); // not before its time
    isDown = false;
    await environment.advance(2_000);
    expect(await kernel.dispatch(flush)).toEqual({ published: 6 });
    expect(bad.seen.filter((event) => event.startsWith(one))).toEqual(told(one));
    expect(good.seen).toHaveLength(6);
  });

  it("a run that fails stops no other", async () => {
    let sick = "";
    const a = plugin("a", (event) => event.workflowRunId === sick);
    const { kernel, one, two } = await open(createPluginRunner({ plugins: [a.plugin] }));
    sick = one;
    expect(await kernel.dispatch(flush)).toEqual({ published: 3 });
    expect(a.seen).toEqual(told(two));
  });

  it("after maxRetries an event is dead for that consumer, and the next one is tried", async () => {
    const a = plugin("a", ({ type }) => type === "workflow:created");
    const { kernel, environment, store, one } = await open(createPluginRunner({ plugins: [a.plugin], maxRetries: 2 }));
    await kernel.dispatch(flush);
    await environment.advance(2_000);
    await kernel.dispatch(flush);
    expect(a.seen.filter((event) => event.startsWith(one))).toEqual(told(one).slice(1));
    const { items } = await store.reader.listDeadLetters();
    expect(items.map(({ consumer, error }) => [consumer, error])).toEqual(Array(2).fill(["a", "a is down"]));
  });

  it("a FatalError is dead at once; replayDLQ gives fresh tries", async () => {
    let isDown = true;
    const sink: EventSink = {
      emit: () => {
        if (isDown) throw Object.assign(new Error("no"), { code: "FATAL" });
      },
    };
    const { kernel, store } = await open(sink);
    await kernel.dispatch(flush);
    expect((await store.reader.listDeadLetters()).items).toHaveLength(6);
    isDown = false;
    expect(await kernel.dispatch({ type: "plugin.replayDLQ" })).toEqual({ replayed: 6 });
    expect(await kernel.dispatch(flush)).toEqual({ published: 6 });
    expect((await store.reader.listDeadLetters()).items).toEqual([]);
  });

  it("a consumer that cannot say what it accepts fails alone, and does not stop the outbox", async () => {
    const good = plugin("good");
    const broken = {
      id: "broken",
      accepts: () => {
        throw new Error("broken");
      },
      handle: () => undefined,
    };
    const consumers = [broken, ...createPluginRunner({ plugins: [good.plugin] }).consumers];
    const { kernel, session } = await open({ emit: () => undefined, consumers });
    await kernel.dispatch(flush);
    expect(good.seen).toHaveLength(6);
    expect(await session.flush(10)).toBe(0); // settled: the lease is free, nothing is fresh
  });

  it("a sink without consumers drops all, and the events stay for readers", async () => {
    const { kernel, store, one } = await open({ emit: () => undefined, consumers: [] });
    expect(await kernel.dispatch(flush)).toEqual({ published: 6 });
    expect((await store.reader.listEvents(one)).length).toBe(3);
  });

  it("hosts learn when to come back: at the earliest retry, or when another flusher may be done", async () => {
    const bad = plugin("bad", () => true);
    const { session, environment } = await open(createPluginRunner({ plugins: [bad.plugin] }));
    const retries: number[] = [];
    const now = environment.now();
    expect(await session.flush(10, (at) => retries.push(at - now))).toBe(6); // off the outbox, though undelivered
    expect(retries).toEqual([expect.any(Number)]);
    expect(retries[0]).toBeGreaterThanOrEqual(1_000);
    expect(retries[0]).toBeLessThanOrEqual(1_250);
    const slow = await open({ emit: () => new Promise<void>(() => undefined) });
    void slow.session.flush(10);
    await slow.environment.settle();
    const at: number[] = [];
    expect(await slow.session.flush(10, (retryAt) => at.push(retryAt - slow.environment.now()))).toBe(0);
    expect(at).toEqual([1_000]);
  });

  it("a consumer that never answers has failed after 30 s, and the others are told of", async () => {
    const good = plugin("good");
    const stuck = definePlugin({ id: "stuck", name: "stuck", on: types, handle: () => new Promise<void>(() => undefined) });
    const { session, environment } = await open(createPluginRunner({ plugins: [stuck, good.plugin] }));
    const flushed = session.flush(100);
    await environment.advance(30_000);
    expect(await flushed).toBe(6);
    expect(good.seen).toHaveLength(6);
    expect(environment.timers()).toEqual([]);
  });
});
