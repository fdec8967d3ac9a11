import { describe, expect, it } from "vitest";
import type { StageState } from "../../ports/store.ts";
import { attemptOf } from "./attempt.ts";
import { now, planOf, refOf, run, running, seen, suspended } from "./rules.test-literals.ts";
import { type SettleOptions, settle } from "./settle.ts";

const failure = { kind: "failed" as const, error: "broke", isRetryable: true, delayMs: 50 };
const a = running("a");
const last = running("a", { attempt: 3 });

function options(fields: Partial<SettleOptions> = {}, stage: StageState = a): SettleOptions {
  const silent = { logs: [], progress: [] };
  const plan = planOf(["a", "b", "c"], "d");
  return { plan, ref: refOf(stage), outcome: failure, from: "RUNNING", retry: "engine", advances: true, taker: null, ...silent, ...fields };
}

const waiting = { wakeAt: null, advance: "waiting", handed: [], outputs: null };
const ends = {
  stageId: "a",
  item: 0,
  set: { status: "FAILED", completedAt: now, error: "broke", waitReason: null, readyAt: null, pollAt: null },
};
const failedEvent = { type: "stage:failed", stageId: "a", stageName: "A", error: "broke" };
const attempt = {
  stageId: "a",
  item: 0,
  attempt: 1,
  executionId: "x-a",
  workerId: "w1",
  startedAt: 300,
  endedAt: now,
  outcome: "FAILED",
  error: "broke",
};
const runFails = (error: string) => ({
  status: "FAILED",
  open: 0,
  suspended: 0,
  error,
  completedAt: now,
  transitionAt: null,
  queuedAt: null,
});

describe("settle: an attempt fails and another follows", () => {
  const again = {
    status: "PENDING",
    waitReason: "retry",
    executionId: "f1",
    lease: null,
    readyAt: 1_050,
    pollAt: null,
    startedAt: null,
    error: "broke",
  };
  const retrying = { type: "stage:retrying", stageId: "a", stageName: "A", attempt: 1, error: "broke", retryAt: 1_050 };

  it("P5: the stage waits for its backoff under a new execution id, its attempt is kept, and the run has not failed", () => {
    expect(settle(options())(seen(run({ open: 3 }), a), now)).toEqual({
      result: { ...waiting, outcome: "retrying", wakeAt: 1_050 },
      attempts: [attempt],
      stages: [{ stageId: "a", item: 0, set: again }],
      run: {},
      events: [retrying],
      logs: [],
    });
  });

  it("P5: a caller that retries itself is given no time; its queue redelivers", () => {
    expect(settle(options({ retry: "caller" }))(seen(run({ open: 3 }), a), now)).toEqual({
      result: { ...waiting, outcome: "retrying" },
      attempts: [attempt],
      stages: [{ stageId: "a", item: 0, set: { ...again, waitReason: "caller", readyAt: null } }],
      run: {},
      events: [retrying],
      logs: [],
    });
  });

  it("P4: a retry that begins in a poll takes the stage out of the suspended ones", () => {
    const stage = suspended("a");
    const changes = settle(options({ from: "SUSPENDED" }, stage))(seen(run({ open: 3, suspended: 2 }), stage), now);
    expect([changes.run, changes.stages?.[0]?.set]).toEqual([{ suspended: 1 }, again]);
  });
});

describe("settle: a stage fails for good", () => {
  it("P5: with its attempts used up stage and run are FAILED at once with the error on both, and the siblings end", () => {
    expect(settle(options())(seen(run({ open: 3, suspended: 1 }), last), now)).toEqual({
      result: { ...waiting, outcome: "failed", advance: "failed" },
      stages: [ends],
      endOpen: "CANCELLED",
      run: runFails("broke"),
      events: [failedEvent, { type: "workflow:failed", error: "broke" }],
      logs: [],
    });
  });

  it.each([
    ["an error that is not retryable", { outcome: { ...failure, isRetryable: false } }],
    ["a caller that owns its retries", { retry: "nobody" as const }],
  ])("P5: %s ends the stage in its first attempt", (_, fields) => {
    expect(settle(options(fields))(seen(run({ open: 3 }), a), now)).toEqual({
      result: { ...waiting, outcome: "failed", advance: "failed" },
      stages: [ends],
      endOpen: "CANCELLED",
      run: runFails("broke"),
      events: [failedEvent, { type: "workflow:failed", error: "broke" }],
      logs: [],
    });
  });

  it("P5: an error without a text still fails the run", () => {
    const changes = settle(options({ outcome: { ...failure, error: "" } }))(seen(run({ open: 3 }), last), now);
    expect([changes.run?.status, changes.run?.error]).toEqual(["FAILED", ""]);
  });

  it("P10: a stage that fails while it is polled leaves the suspended ones", () => {
    const stage = suspended("a");
    const plan = planOf({ await: ["a", "b"] });
    const changes = settle(options({ plan, from: "SUSPENDED", retry: "nobody" }, stage))(seen(run({ open: 2, suspended: 1 }), stage), now);
    expect(changes.run).toEqual({ open: 1, suspended: 0, error: "broke" });
  });

  it("P17: driven by plain commands the run is marked, for run.transition to fail it; siblings go on until then", () => {
    expect(settle(options({ advances: false, retry: "nobody" }))(seen(run({ open: 3, suspended: 1 }), a), now)).toEqual({
      result: { ...waiting, outcome: "failed" },
      stages: [ends],
      run: { open: 2, suspended: 1, error: "broke", transitionAt: now },
      events: [failedEvent],
      logs: [],
    });
  });
});

describe('settle: a stage of an onFailure: "await" group fails', () => {
  const plan = planOf({ await: ["a", "b", "c"] }, "d");
  const fails = (of: Parameters<typeof run>[0], fields: Partial<SettleOptions> = {}, stages?: StageState[]) =>
    settle(options({ plan, ...fields }))(seen(run(of), last, stages && { stages }), now);

  it("P5: the run remembers why it will fail and its siblings are awaited", () => {
    expect(fails({ open: 3 })).toEqual({
      result: { ...waiting, outcome: "failed" },
      stages: [ends],
      run: { open: 2, suspended: 0, error: "broke" },
      events: [failedEvent],
      logs: [],
    });
  });

  it("P11: when the awaited siblings all wait for something outside, workflow:suspended is told", () => {
    expect(fails({ open: 2, suspended: 1 }).need).toBe("stages");
    expect(fails({ open: 2, suspended: 1 }, {}, [last, suspended("b")])).toEqual({
      result: { ...waiting, outcome: "failed" },
      stages: [ends],
      run: { open: 1, suspended: 1, error: "broke" },
      events: [failedEvent, { type: "workflow:suspended", stageId: "b" }],
      logs: [],
    });
  });

  it("P5: the last to end fails the run with the first error", () => {
    expect(fails({ open: 1, error: "b broke" })).toEqual({
      result: { ...waiting, outcome: "failed", advance: "failed" },
      stages: [ends],
      endOpen: "CANCELLED",
      run: runFails("b broke"),
      events: [failedEvent, { type: "workflow:failed", error: "b broke" }],
      logs: [],
    });
  });

  it("P17: driven by plain commands only the last to end marks the run", () => {
    expect(fails({ open: 2 }, { advances: false }).run).toEqual({ open: 1, suspended: 0, error: "broke" });
    expect(fails({ open: 1 }, { advances: false }).run).toEqual({ open: 0, suspended: 0, error: "broke", transitionAt: now });
  });
});

describe("attemptOf", () => {
  it("P5: an attempt that is over names its execution, its worker and its times", () => {
    expect(attemptOf(a, now, "LOST", null)).toEqual({ ...attempt, outcome: "LOST", error: null });
  });
});
