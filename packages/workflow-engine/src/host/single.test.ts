// One pass at a time.
import { describe, expect, it } from "vitest";
import { createGate } from "../testing/workflows.ts";
import { Single } from "./single.ts";

describe("Single", () => {
  it("passes never overlap, and one that was asked for meanwhile follows, once", async () => {
    const gates = [createGate(), createGate()];
    let passes = 0;
    let underWay = 0;
    const single = new Single(
      async () => {
        expect(++underWay).toBe(1);
        await gates[passes++]?.wait();
        underWay--;
      },
      () => undefined,
    );
    for (let i = 0; i < 5; i++) single.run();
    expect(passes).toBe(1);
    for (const gate of gates) gate.open();
    await single.settled();
    expect(passes).toBe(2);
    single.run();
    await single.settled();
    expect(passes).toBe(3);
  });

  it("an error is told and ends its own pass only", async () => {
    const errors: unknown[] = [];
    const single = new Single(
      () => Promise.reject(new Error("down")),
      (error) => errors.push(error),
    );
    single.run();
    single.run();
    await single.settled();
    expect(errors).toHaveLength(2);
    single.run();
    await single.settled();
    expect(errors).toHaveLength(3);
  });
});
