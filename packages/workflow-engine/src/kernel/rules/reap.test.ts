import { describe, expect, it } from "vitest";
import type { RunState, StageState } from "../../ports/store.ts";
import { reap, release } from "./reap.ts";
import { ended, lease, now, pending, planOf, refOf, run, running, seen, suspended } from "./rules.test-literals.ts";

const a = running("a");
const abort = planOf(["a", "b"], "c");
const reaped = (of: RunState | null, stage: StageState | null, plan: typeof abort | null = abort, stages?: StageState[]) =>
  reap(refOf(a), () => plan)(seen(of, stage, stages && { stages }), now);
const backInQueue = { status: "PENDING", executionId: "f1", lease: null, readyAt: now, attempt: 1, startedAt: null, waitReason: null };
const lost = {
  stageId: "a",
  item: 0,
  attempt: 1,
  executionId: "x-a",
  workerId: "w1",
  startedAt: 300,
  endedAt: now,
  outcome: "LOST",
  error: null,
};
const discarded = { result: { outcome: "discarded" } };

describe("reap", () => {
  it("P14: a stage whose worker is gone is due at once under a new execution id; the attempt is spent and kept as LOST", () => {
    expect(reaped(run({ open: 2 }), a)).toEqual({
      result: { outcome: "released" },
      attempts: [lost],
      stages: [{ stageId: "a", item: 0, set: backInQueue }],
      run: {},
    });
  });

  it("P14: so is a stage that a transport had leased and that never started", () => {
    const stage = pending("a", { lease, attempt: 1, readyAt: null });
    expect(reaped(run({ open: 2 }), stage)).toEqual({
      result: { outcome: "released" },
      attempts: [{ ...lost, startedAt: null }],
      stages: [{ stageId: "a", item: 0, set: backInQueue }],
      run: {},
    });
  });

  const error = 'Stage "a" lost its worker 3 times, which is all its attempts: it may crash its process. See the worker\'s own log.';
  const fails = {
    stageId: "a",
    item: 0,
    set: { status: "FAILED", completedAt: now, error, waitReason: null, readyAt: null, pollAt: null },
  };
  const failedEvent = { type: "stage:failed", stageId: "a", stageName: "A", error };
  const third = running("a", { attempt: 3 });

  it("P14: a stage that kills its process in every attempt ends FAILED, and its run with it", () => {
    expect(reaped(run({ open: 2 }), third)).toEqual({
      result: { outcome: "failed" },
      stages: [fails],
      endOpen: "CANCELLED",
      run: { status: "FAILED", open: 0, suspended: 0, error, completedAt: now, transitionAt: null, queuedAt: null },
      events: [failedEvent, { type: "workflow:failed", error }],
    });
  });

  it("P5: in an awaited group its siblings go on, and that all of them wait is told", () => {
    const plan = planOf({ await: ["a", "b"] });
    expect(reaped(run({ open: 2, suspended: 1 }), third, plan).need).toBe("stages");
    expect(reaped(run({ open: 2, suspended: 1 }), third, plan, [third, suspended("b")])).toEqual({
      result: { outcome: "failed" },
      stages: [fails],
      run: { open: 1, suspended: 1, error },
      events: [failedEvent, { type: "workflow:suspended", stageId: "b" }],
    });
  });

  it("P14: a process that does not know the workflow gives out no attempt beyond the last, and fails nothing either", () => {
    expect(reaped(run({ open: 2 }), third, null)).toEqual(discarded);
    expect(reaped(run({ open: 2 }), a, null).result).toEqual({ outcome: "released" });
  });

  it("P13: an execution that is no longer the stage's is not reaped", () => {
    expect(reaped(run(), running("a", { executionId: "newer" }))).toEqual(discarded);
    expect(reaped(run(), ended("a", "COMPLETED"))).toEqual(discarded);
    expect(reaped(run(), pending("a"))).toEqual(discarded);
    expect(reaped(run({ status: "CANCELLED" }), a)).toEqual(discarded);
    expect(reaped(null, null)).toEqual(discarded);
  });

  it("P11: a suspended stage has no lease to lose", () => {
    expect(reaped(run(), suspended("a"))).toEqual(discarded);
    expect(reaped(run(), suspended("a", { lease }))).toEqual(discarded);
  });
});

describe("release", () => {
  it("P15: a stage that is handed back spends no attempt and leaves no record", () => {
    expect(release(refOf(a))(seen(run(), running("a", { attempt: 2 })), now)).toEqual({
      result: { outcome: "released" },
      stages: [{ stageId: "a", item: 0, set: backInQueue }],
      run: {},
    });
  });

  it("P3: a worker that does not know the stage leaves it for a while to one that does", () => {
    expect(release(refOf(a), 5_000)(seen(run(), a), now).stages).toEqual([
      { stageId: "a", item: 0, set: { ...backInQueue, readyAt: 6_000, attempt: 0 } },
    ]);
  });

  it("P13: what is no longer held cannot be handed back", () => {
    expect(release(refOf(a))(seen(run(), running("a", { executionId: "newer" })), now)).toEqual(discarded);
    expect(release(refOf(a))(seen(run({ status: "FAILED" }), a), now)).toEqual(discarded);
  });
});
