// How much a worker leases, as figures.
import { describe, expect, it } from "vitest";
import { Window } from "./window.ts";

describe("Window", () => {
  it("P15: doubles what ran at once, up to 20 times the places, and halves what did not", () => {
    const window = new Window(10);
    const bites = [10];
    for (let i = 0; i < 6; i++) {
      window.brought(window.bite);
      window.answered(1_000);
      for (let ran = window.bite; ran > 0; ran--) window.ran(1_019);
      bites.push(window.next());
    }
    expect(bites).toEqual([10, 20, 40, 80, 160, 200, 200]);
    window.brought(200);
    window.answered(2_000);
    for (let ran = 0; ran < 200; ran++) window.ran(2_020);
    expect([window.next(), window.next()]).toEqual([100, 100]);
  });

  it("P15: holds 20 times its places of stages that have not run, and leaves small rests alone", () => {
    const window = new Window(10);
    expect([0, 100, 150, 151, 200].map((leased) => window.free(leased, 0))).toEqual([200, 100, 50, 0, 0]);
  });

  it("P15: what waits for its commit takes no room from what has not run, up to 100 times the places", () => {
    const window = new Window(10);
    expect(window.free(200, 200)).toBe(200);
    expect(window.free(850, 700)).toBe(50);
    expect(window.free(900, 900)).toBe(100);
    expect(window.free(960, 960)).toBe(0);
  });
});
