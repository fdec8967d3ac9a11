// Simulated time: timers in order, what they set off before the next, the same again for one seed.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "./fake-environment.ts";

describe("createFakeEnvironment", () => {
  it("fires due timers in order, each with what it sets off before the next", async () => {
    const environment = createFakeEnvironment({ start: 1000 });
    const log: string[] = [];
    const note = (text: string): void => void log.push(`${environment.now()} ${text}`);
    environment.setTimer(20, () => note("second"));
    environment.setTimer(10, async () => {
      note("first");
      await Promise.resolve();
      environment.defer(() => {
        note("deferred");
        environment.setTimer(5, () => note("nested"));
      });
    });
    environment.setTimer(20, () => note("third"));
    environment.setTimer(21, () => note("not yet"));
    environment.setTimer(1, () => note("cancelled"))();
    await environment.advance(20);
    expect(log).toEqual(["1010 first", "1010 deferred", "1015 nested", "1020 second", "1020 third"]);
    expect(environment.timers()).toEqual([1021]);
  });

  it("runs deferred work without advancing, so that ordinary awaits go on", async () => {
    const environment = createFakeEnvironment();
    const order: number[] = [];
    await new Promise<void>((resolve) => {
      environment.defer(() => order.push(1));
      environment.defer(() => {
        order.push(2);
        environment.defer(resolve);
      });
    });
    expect(order).toEqual([1, 2]);
    expect(new Date(environment.now()).toISOString()).toBe("2025-01-01T00:00:00.000Z");
  });

  it("repeats itself for one seed, with ids that sort as made", () => {
    const make = (seed: number): unknown[] => {
      const { newId, random } = createFakeEnvironment({ seed });
      return [random(), random(), newId(), newId()];
    };
    expect(make(7)).toEqual(make(7));
    expect(make(7)).not.toEqual(make(8));
    const { newId } = createFakeEnvironment();
    const ids = Array.from({ length: 10_000 }, newId);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids.slice(0, 3)) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});
