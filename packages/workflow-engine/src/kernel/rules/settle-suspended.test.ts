import { describe, expect, it } from "vitest";
import { now, pending, planOf, refOf, run, running, seen, suspended } from "./rules.test-literals.ts";
import { type SettleOptions, settle } from "./settle.ts";

const a = running("a");
const options: SettleOptions = {
  plan: planOf(["a", "b"]),
  ref: refOf(a),
  outcome: { kind: "suspended", state: '{"id":"batch"}', metrics: null, nextPollAt: 1_500, pollIntervalMs: 500, maxWaitUntil: 90_000 },
  from: "RUNNING",
  retry: "engine",
  advances: true,
  taker: null,
  logs: [],
  progress: [],
};
const suspends = settle(options);

describe("settle: a stage suspends", () => {
  const told = { type: "stage:suspended", stageId: "a", stageName: "A", nextPollAt: 1_500 };
  const changes = {
    result: { outcome: "suspended", wakeAt: 1_500, advance: "waiting", handed: [], outputs: null },
    attempts: [
      {
        stageId: "a",
        item: 0,
        attempt: 1,
        executionId: "x-a",
        workerId: "w1",
        startedAt: 300,
        endedAt: now,
        outcome: "SUSPENDED",
        error: null,
      },
    ],
    stages: [
      {
        stageId: "a",
        item: 0,
        set: {
          status: "SUSPENDED",
          waitReason: "poll",
          executionId: "f1",
          lease: null,
          readyAt: null,
          pollAt: 1_500,
          pollIntervalMs: 500,
          maxWaitUntil: 90_000,
          pollFailures: 0,
          error: null,
        },
        payloads: { state: '{"id":"batch"}', metrics: null },
      },
    ],
    logs: [],
  };

  it("P11: it holds no lease while it waits, and is open still", () => {
    expect(suspends(seen(run({ open: 2 }), a), now)).toEqual({ ...changes, run: { suspended: 1 }, events: [told] });
  });

  it("P11: workflow:suspended is told when it is the last open stage that does not wait", () => {
    expect(suspends(seen(run({ open: 2, suspended: 1 }), a), now)).toEqual({
      ...changes,
      run: { suspended: 2 },
      events: [told, { type: "workflow:suspended", stageId: "a" }],
    });
  });

  it("P10: a poll that suspends again changes how the stage waits: it is counted once, told once, and is no attempt", () => {
    const stage = suspended("a");
    const { attempts: _, ...rest } = changes;
    expect(settle({ ...options, ref: refOf(stage), from: "SUSPENDED" })(seen(run({ open: 1, suspended: 1 }), stage), now)).toEqual({
      ...rest,
      run: { suspended: 1 },
      events: [told],
    });
  });

  it("P13: a worker that lost its lease suspends nothing", () => {
    expect(suspends(seen(run(), pending("a", { executionId: "newer" })), now)).toEqual({
      result: { outcome: "discarded", wakeAt: null, advance: "waiting", handed: [], outputs: null },
    });
  });
});
