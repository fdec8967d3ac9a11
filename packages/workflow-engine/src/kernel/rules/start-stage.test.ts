import { describe, expect, it } from "vitest";
import type { RunState, StageState } from "../../ports/store.ts";
import { ended, lease, now, pending, run, running, seen, suspended } from "./rules.test-literals.ts";
import { type StartStageOptions, startStage } from "./start-stage.ts";

const options: StartStageOptions = {
  instance: { id: "i2", workerId: "w2" },
  executionId: undefined,
  attempt: undefined,
  maxAttempts: undefined,
};
const begun = {
  status: "RUNNING",
  lease: { instanceId: "i2", workerId: "w2", lockedAt: now },
  waitReason: null,
  readyAt: null,
  startedAt: now,
  completedAt: null,
  error: null,
} as const;
const events = [{ type: "stage:started", stageId: "a", stageName: "A", stageNumber: 1 }];
const start = (fields: Partial<StartStageOptions>, of: RunState | null, stage: StageState | null, stages?: StageState[]) =>
  startStage("r1", { ...options, ...fields })(seen(of, stage, stages && { stages }), now);
const refused = (reason: string) => ({ result: { kind: "refused", reason } });

describe("startStage of a PENDING stage", () => {
  it("P13: it runs under the execution id it was opened with, leased to the caller, in its next attempt", () => {
    const stage = pending("a", { error: "old", waitReason: "retry", attempt: 1 });
    const set = { ...begun, executionId: "x-a", attempt: 2, maxAttempts: 3 };
    expect(start({}, run(), stage)).toEqual({
      result: { kind: "started", stage: { ...stage, ...set } },
      stages: [{ stageId: "a", item: 0, set }],
      run: {},
      events,
    });
  });

  it("P14: a transport that leased the stage has counted the attempt already", () => {
    const stage = pending("a", { lease, attempt: 1 });
    const set = { ...begun, executionId: "x-a", attempt: 1, maxAttempts: 3 };
    expect(start({ executionId: "x-a" }, run(), stage)).toEqual({
      result: { kind: "started", stage: { ...stage, ...set } },
      stages: [{ stageId: "a", item: 0, set }],
      run: {},
      events,
    });
  });

  it("P5: a caller that counts attempts itself is believed", () => {
    const changes = start({ attempt: 4, maxAttempts: 9 }, run(), pending("a"));
    expect(changes.stages).toEqual([{ stageId: "a", item: 0, set: { ...begun, executionId: "x-a", attempt: 4, maxAttempts: 9 } }]);
  });
});

describe("startStage of a FAILED stage", () => {
  const a = ended("a", "FAILED", { attempt: 2 });
  const set = { ...begun, executionId: "f1", attempt: 3, maxAttempts: 3 };
  const attempts = [
    {
      stageId: "a",
      item: 0,
      attempt: 2,
      executionId: "x-a",
      workerId: null,
      startedAt: 300,
      endedAt: 700,
      outcome: "FAILED",
      error: "a broke",
    },
  ];

  it("P5: a caller that names no execution executes it again; it is open again and the run will fail no more", () => {
    const of = run({ open: 0, error: "a broke", transitionAt: 700 });
    expect(start({}, of, a, [a])).toEqual({
      result: { kind: "started", stage: { ...a, ...set } },
      attempts,
      stages: [{ stageId: "a", item: 0, set }],
      run: { open: 1, error: null, transitionAt: null },
      events,
    });
  });

  it("P5: its siblings decide what becomes of the run, so they are asked for", () => {
    expect(start({}, run({ open: 0, error: "a broke" }), a).need).toBe("stages");
  });

  it("P4: while a sibling is still FAILED the run keeps that error, so the group can never end well without it", () => {
    const b = ended("b", "FAILED", { number: 2 });
    const of = run({ open: 0, error: "a broke", transitionAt: 700 });
    expect(start({}, of, a, [a, b]).run).toEqual({ open: 1, error: "b broke", transitionAt: null });
  });

  it("P17: a group that was aborted keeps its mark while a sibling is still FAILED", () => {
    const stages = [a, ended("b", "FAILED"), running("c")];
    expect(start({}, run({ error: "a broke", transitionAt: 700 }), a, stages).run).toEqual({
      open: 2,
      error: "b broke",
      transitionAt: 700,
    });
  });

  it("P13: an execution that is named has ended: it is not started again", () => {
    expect(start({ executionId: "x-a" }, run(), a)).toEqual(refused("the stage is FAILED"));
  });
});

describe("startStage that starts nothing", () => {
  it("P2: a COMPLETED stage answers so, also when its run has ended", () => {
    expect(start({}, run({ status: "COMPLETED" }), ended("a", "COMPLETED"))).toEqual({ result: { kind: "completed" } });
    expect(start({ executionId: "old" }, run(), ended("a", "COMPLETED"))).toEqual({ result: { kind: "completed" } });
  });

  it("P10: a SUSPENDED stage answers when it is looked at next", () => {
    expect(start({}, run(), suspended("a"))).toEqual({ result: { kind: "suspended", nextPollAt: 900 } });
  });

  it.each(["PENDING", "CANCELLED", "FAILED", "COMPLETED"] as const)("P8: nothing starts in a run that is %s", (status) => {
    expect(start({}, run({ status }), pending("a"))).toEqual(refused(`the run is ${status}`));
  });

  it("P13: a redelivery while another execution runs is refused as in progress", () => {
    expect(start({}, run(), running("a"))).toEqual(refused("in progress"));
    expect(start({ executionId: "x-a" }, run(), running("a"))).toEqual(refused("in progress"));
  });

  it("P13: an execution that was replaced is refused", () => {
    expect(start({ executionId: "old" }, run(), pending("a"))).toEqual(refused("superseded by another execution"));
    expect(start({ executionId: "old" }, run(), running("a"))).toEqual(refused("superseded by another execution"));
  });

  it("P4: a stage of a later group has not been opened", () => {
    expect(start({}, run(), null)).toEqual(refused("the stage has not been opened yet"));
  });

  it("P8: a CANCELLED stage stays so", () => {
    expect(start({}, run(), ended("a", "CANCELLED"))).toEqual(refused("the stage is CANCELLED"));
  });

  it("a run that does not exist is RUN_NOT_FOUND", () => {
    expect(() => start({}, null, null)).toThrow(expect.objectContaining({ code: "RUN_NOT_FOUND" }));
  });
});
