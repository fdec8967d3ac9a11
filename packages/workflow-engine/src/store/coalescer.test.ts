// What is not urgent lets the others go first: when a lull begins, with batches that end when the test says so.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../kernel/testing/index.ts";
import { Coalescer } from "./coalescer.ts";

/** Two lanes; the batches under way, each with how to end it. */
function lanes() {
  const environment = createFakeEnvironment();
  const ends: Array<() => void> = [];
  const coalescer = new Coalescer<string>(2, 100, environment, (_, items) => new Promise((resolve) => ends.push(() => resolve(items))));
  const seen: string[] = [];
  const wait = (lanesOfInterest: number): void => void coalescer.lull(lanesOfInterest, 10).then(() => seen.push("lull"));
  const turn = (): Promise<void> => environment.advance(0);
  return { environment, coalescer, ends, seen, wait, turn };
}

describe("a lull", () => {
  it("is there at once where nothing is under way, and in lanes that it does not ask about", async () => {
    const { coalescer, seen, wait, turn } = lanes();
    wait(2);
    void coalescer.push(1, "a");
    wait(1);
    await turn();
    expect(seen).toEqual(["lull", "lull"]);
  });

  it("begins when the last batch has ended and nobody has pushed in reaction to it", async () => {
    const { coalescer, ends, seen, wait, turn } = lanes();
    void coalescer.push(0, "a").then(() => coalescer.push(0, "b").then(() => seen.push("b")));
    wait(2);
    await turn();
    ends.shift()!();
    await turn();
    expect([ends.length, ...seen]).toEqual([1]);
    ends.shift()!();
    await turn();
    expect(seen).toEqual(["b", "lull"]);
  });

  it("is not waited for longer than is said, nor where many wait for their batch", async () => {
    const { environment, coalescer, seen, wait, turn } = lanes();
    void coalescer.push(0, "a");
    await turn();
    wait(2);
    await environment.advance(9);
    expect(seen).toEqual([]);
    await environment.advance(1);
    expect(seen).toEqual(["lull"]);
    for (let i = 0; i < 10; i++) void coalescer.push(0, "more");
    wait(2);
    await turn();
    expect(seen).toEqual(["lull", "lull"]);
  });
});
