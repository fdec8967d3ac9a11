// The small fakes, as people import them.
import { describe, expect, it } from "vitest";
import { CollectingEventSink, FakeClock, InMemoryBlobStore, NoopScheduler } from "./index.ts";

describe("kernel/testing", () => {
  it("FakeClock stands still until moved, and cannot be moved through a Date it gave", () => {
    const clock = new FakeClock();
    expect(clock.now()).toEqual(new Date("2025-01-01T00:00:00Z"));
    clock.now().setTime(0);
    clock.advance(1500);
    expect(clock.now().toISOString()).toBe("2025-01-01T00:00:01.500Z");
    clock.set(new Date(5));
    expect(clock.now().getTime()).toBe(5);
    expect(new FakeClock(new Date(7)).now().getTime()).toBe(7);
  });

  it("CollectingEventSink keeps events and finds them by type", async () => {
    const sink = new CollectingEventSink();
    const envelope = { timestamp: new Date(0), workflowRunId: "r" };
    await sink.emit({ type: "workflow:started", ...envelope });
    await sink.emit({ type: "workflow:failed", error: "no", ...envelope });
    expect(sink.getByType("workflow:failed").map(({ error }) => error)).toEqual(["no"]);
    expect([sink.length, sink.events.length]).toEqual([2, 2]);
    sink.clear();
    expect(sink.length).toBe(0);
  });

  it("NoopScheduler remembers what it was asked for", async () => {
    const scheduler = new NoopScheduler();
    await scheduler.schedule("c", { a: 1 }, new Date(1));
    await scheduler.cancel();
    expect(scheduler.scheduled).toEqual([{ commandType: "c", payload: { a: 1 }, runAt: new Date(1) }]);
    scheduler.clear();
    expect(scheduler.scheduled).toEqual([]);
    expect(new InMemoryBlobStore().size()).toBe(0);
  });
});
