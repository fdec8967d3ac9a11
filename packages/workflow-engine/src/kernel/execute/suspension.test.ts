// When a suspended stage is looked at, and until when.
import { describe, expect, it } from "vitest";
import type { SuspendedStageResult } from "../../define/outcome.ts";
import { suspendedOutcome } from "./suspension.ts";

const now = 1_000;
const suspend = (given: Omit<Partial<SuspendedStageResult>, "suspended"> = {}) =>
  suspendedOutcome({ suspended: true, state: { batchId: "b" }, ...given }, "{}", now);

describe("suspendedOutcome", () => {
  it("P10: every 30 s for 24 h unless it says otherwise", () => {
    expect(suspend()).toEqual({
      kind: "suspended",
      state: '{"batchId":"b"}',
      metrics: "{}",
      nextPollAt: now + 30_000,
      pollIntervalMs: 30_000,
      maxWaitUntil: now + 86_400_000,
    });
  });

  it("P10: pollConfig wins over the state, and says when the first look is", () => {
    const state = { batchId: "b", pollInterval: 5, maxWaitTime: 50 };
    expect(suspend({ state })).toMatchObject({ nextPollAt: now + 5, pollIntervalMs: 5, maxWaitUntil: now + 50 });
    const pollConfig = { pollInterval: 7, maxWaitTime: 70, nextPollAt: new Date(42) };
    expect(suspend({ state, pollConfig })).toMatchObject({ nextPollAt: 42, pollIntervalMs: 7, maxWaitUntil: now + 70 });
  });

  it("P10: a wait without end ends where time does, so that every database takes it", () => {
    const { maxWaitUntil } = suspend({ pollConfig: { maxWaitTime: Number.POSITIVE_INFINITY } }) as { maxWaitUntil: number };
    expect(new Date(maxWaitUntil).getTime()).toBe(8_640_000_000_000_000);
  });

  it.each([{ pollInterval: Number.NaN }, { pollInterval: -1 }, { maxWaitTime: Number.NaN }, { nextPollAt: new Date(Number.NaN) }])(
    "P10: %j is refused: nobody would ever look",
    (pollConfig) => {
      expect(() => suspend({ pollConfig })).toThrow(expect.objectContaining({ code: "FATAL" }));
    },
  );

  it("P10: the state is stored as JSON", () => {
    expect(suspend({ state: { batchId: "b", submittedAt: new Date(0) } })).toMatchObject({
      state: '{"batchId":"b","submittedAt":"1970-01-01T00:00:00.000Z"}',
    });
  });
});
