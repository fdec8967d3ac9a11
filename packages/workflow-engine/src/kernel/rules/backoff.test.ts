import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs } from "./backoff.ts";

describe("backoffMs", () => {
  it("P5: 1 s, doubling, at most 5 min", () => {
    expect([1, 2, 3, 9, 10, 5_000].map((attempt) => backoffMs(attempt, 0))).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
  });

  it("P5: up to 25 % more by jitter, so that a crowd does not return together", () => {
    expect([backoffMs(1, 0.5), backoffMs(1, 1)]).toEqual([1_125, 1_250]);
  });

  it("P5: a stage's policy is kept", () => {
    const policy = { initialMs: 10, factor: 3, maxMs: 50, jitter: 0 };
    expect([1, 2, 3].map((attempt) => backoffMs(attempt, 0.9, policy))).toEqual([10, 30, 50]);
  });

  it("P5: a delay is always a finite whole number within its bounds", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const delay = backoffMs(attempt, random);
        expect(Number.isInteger(delay) && delay >= 1_000 && delay <= 375_000).toBe(true);
      }),
    );
  });
});
