import type { Environment } from "@bratsos/workflow-engine";
import { createFakeEnvironment } from "@bratsos/workflow-engine/kernel/testing";
import { describe, expect, it } from "vitest";
import { type EventSource, type StreamEvent, streamEvents } from "./event-stream.ts";

const size = 1_024;
const turns = async (count = 50) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A source of as many events as are there, in pages of 64. */
function openSource(total: number) {
  const state = { total, isOver: false, reads: 0, wakes: new Set<() => void>(), isBroken: false };
  const eventAt = (i: number): StreamEvent => ({ id: String(i + 1), type: "stage:progress", data: { n: i, text: "x".repeat(size) } });
  const source: EventSource<number> = {
    async read(cursor) {
      state.reads += 1;
      if (state.isBroken) throw new Error("gone");
      const events = Array.from({ length: Math.min(64, state.total - cursor) }, (_, i) => eventAt(cursor + i));
      return { events, cursor: cursor + events.length };
    },
    isOver: async () => state.isOver,
    subscribe: (wake) => {
      state.wakes.add(wake);
      return () => state.wakes.delete(wake);
    },
  };
  const grow = (by: number): void => {
    state.total += by;
    for (const wake of state.wakes) wake();
  };
  return { state, source, grow };
}

function open(source: EventSource<number>, environment: Environment = createFakeEnvironment()) {
  const abort = new AbortController();
  const seen = { ends: 0, errors: [] as unknown[] };
  const body = streamEvents({
    ...{ source, cursor: 0, environment, heartbeatMs: 15_000, signal: abort.signal },
    onEnd: () => void seen.ends++,
    onError: (error) => void seen.errors.push(error),
  });
  const reader = body.getReader();
  const next = async (): Promise<string | null> => {
    const { done, value } = await reader.read();
    return done ? null : new TextDecoder().decode(value);
  };
  return { abort, seen, reader, next };
}

describe("a stream of events", () => {
  it("reads no more than a page for somebody who reads nothing, however much there is", async () => {
    const { state, source, grow } = openSource(100_000);
    open(source);
    for (let i = 0; i < 100; i++) {
      await turns(2);
      grow(1_000);
    }
    expect(state.reads).toBe(1);
  });

  it("gives a slow reader everything once it goes on", async () => {
    const { source, grow } = openSource(10);
    const { next, reader } = open(source);
    await next();
    for (let i = 0; i < 20; i++) grow(50);
    await turns();
    const ids: number[] = [];
    while (ids.length < 1_010) ids.push(Number(/^id: (\d+)$/m.exec((await next())!)![1]));
    expect(ids).toEqual(ids.map((_, i) => i + 1));
    await reader.cancel();
  });

  it("says where it begins, and that it is there when nothing happens", async () => {
    const environment = createFakeEnvironment();
    const { source, state } = openSource(0);
    const { next } = open(source, environment);
    expect(await next()).toBe("retry: 1000\nid: 0\n: at 0\n\n");
    const heartbeat = next();
    await turns();
    state.total = 1; // nobody tells of it
    await environment.advance(15_000);
    expect(await heartbeat).toBe(": still here\n\n");
    expect(await next()).toMatch(/^id: 1\nevent: stage:progress\ndata: \{"n":0,/);
  });

  it("ends in order when its source is over, and lets go of everything", async () => {
    const { state, source } = openSource(1);
    state.isOver = true;
    const { next, seen } = open(source);
    const texts = [];
    for (let text = await next(); text !== null; text = await next()) texts.push(text);
    expect(texts.at(-1)).toBe(": end\n\n");
    expect([state.wakes.size, seen.ends]).toEqual([0, 1]);
  });

  it.each([
    ["cancelled", ({ reader }: ReturnType<typeof open>) => void reader.cancel()],
    ["aborted", ({ abort }: ReturnType<typeof open>) => abort.abort()],
  ])("lets go of everything when it is %s", async (_, act) => {
    const { state, source } = openSource(0);
    const opened = open(source);
    await turns();
    act(opened);
    await turns();
    expect([state.wakes.size, opened.seen.ends]).toEqual([0, 1]);
  });

  it("ends when the store breaks, so that its reader comes again", async () => {
    const { state, source } = openSource(0);
    const { next, seen } = open(source);
    await next();
    state.isBroken = true;
    for (const wake of state.wakes) wake();
    expect(await next()).toBeNull();
    expect([seen.errors.length, state.wakes.size]).toEqual([1, 0]);
  });
});
