import { describe, expect, it } from "vitest";
import { createPlan } from "../../define/plan.ts";
import { openedRun, openGroup, startedEvent } from "./open-group.ts";
import { declared, now, pending, planOf, run, takerOf } from "./rules.test-literals.ts";

describe("openGroup", () => {
  const group = planOf("a", ["b", "c"]).getGroup(2)!;
  const b = pending("b", { number: 2, group: 2, executionId: "f1", readyAt: now });
  const c = pending("c", { number: 3, group: 2, executionId: "f1-1", readyAt: now });
  const taken = { status: "RUNNING", attempt: 1, readyAt: null, startedAt: now } as const;
  const lease = { instanceId: "i9", workerId: "w9", lockedAt: now };

  it("P4: a row for every stage, due now, each under an execution id of its own", () => {
    expect(openGroup(group, run(), "f1", now, null)).toEqual({ open: [b, c], events: [], handed: [] });
  });

  it("P4: a taker gets as many stages as it has slots, RUNNING in their first attempt; the others wait in the queue", () => {
    const handed = { ...b, ...taken, lease };
    expect(openGroup(group, run(), "f1", now, takerOf(1))).toEqual({
      open: [handed, c],
      events: [{ type: "stage:started", stageId: "b", stageName: "B", stageNumber: 2 }],
      handed: [handed],
    });
  });

  it("P4: a taker with more slots than stages gets them all, one without slots none", () => {
    expect(openGroup(group, run(), "f1", now, takerOf(9)).handed.map(({ stageId }) => stageId)).toEqual(["b", "c"]);
    expect(openGroup(group, run(), "f1", now, takerOf(0))).toEqual({ open: [b, c], events: [], handed: [] });
  });

  it("P4: a part of a slot counts as one, for the rows and for who is handed them", () => {
    const { open, handed } = openGroup(group, run(), "f1", now, takerOf(0.5));
    expect(open.map(({ status }) => status)).toEqual(["RUNNING", "PENDING"]);
    expect(handed).toEqual([open[0]]);
  });

  it("P5: a stage has 3 attempts unless its retry policy says otherwise", () => {
    const plan = createPlan("w", [{ stages: [declared("a"), declared("b", { maxAttempts: 1 })], isParallel: true, onFailure: "abort" }]);
    expect(openGroup(plan.getGroup(1)!, run(), "f1", now, null).open.map(({ maxAttempts }) => maxAttempts)).toEqual([3, 1]);
  });

  it("P4: the run counts the stages of the group it opened, none of them suspended", () => {
    expect(openedRun(group, now)).toEqual({ group: 2, open: 2, suspended: 0, transitionAt: null });
  });

  it("P17: a group without stages is over at once, so it is marked for run.transition", () => {
    const plan = createPlan("w", [{ stages: [], isParallel: true, onFailure: "abort" }]);
    expect(openedRun(plan.getGroup(1)!, now)).toEqual({ group: 1, open: 0, suspended: 0, transitionAt: now });
  });

  it("P18: stage:started names the stage and its place", () => {
    expect(startedEvent(c)).toEqual({ type: "stage:started", stageId: "c", stageName: "C", stageNumber: 3 });
  });
});
