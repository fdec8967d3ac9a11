// The real environment: ids sort in the order they were made, timers fire and can be cancelled.
import { expect, it } from "vitest";
import { realEnvironment } from "./environment.ts";

it("newId makes UUIDs of version 7 that sort as made", () => {
  const before = realEnvironment.now();
  const ids = Array.from({ length: 20_000 }, () => realEnvironment.newId());
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(Number.parseInt(ids[0]!.replace("-", "").slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
});

it("setTimer fires once, unless cancelled or far away", async () => {
  const fired: string[] = [];
  realEnvironment.setTimer(1, () => fired.push("cancelled"))();
  // a plain timer of more than 2^31 - 1 ms would fire at once
  const cancelFar = realEnvironment.setTimer(2 ** 40, () => fired.push("far"));
  await new Promise<void>((resolve) => {
    const keepAlive = setInterval(() => undefined, 1000);
    realEnvironment.setTimer(5, () => {
      fired.push("fired");
      clearInterval(keepAlive);
      resolve();
    });
  });
  cancelFar();
  expect(fired).toEqual(["fired"]);
});

it("defer runs after what this turn already holds", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    realEnvironment.defer(() => {
      order.push("deferred");
      resolve();
    });
    void Promise.resolve().then(() => order.push("microtask"));
  });
  expect(order).toEqual(["microtask", "deferred"]);
  expect(realEnvironment.random()).toBeLessThan(1);
});
