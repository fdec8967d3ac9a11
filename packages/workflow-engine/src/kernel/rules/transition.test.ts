import { describe, expect, it } from "vitest";
import type { RunState } from "../../ports/store.ts";
import { now, pending, planOf, run, seen } from "./rules.test-literals.ts";
import { type TransitionOptions, transition } from "./transition.ts";

const move = (of: RunState | null, outputs?: Record<string, string>, fields: Partial<TransitionOptions> = {}, plan = planOf("a", "b")) =>
  transition({ planOf: (id) => (id === "w" ? plan : null), taker: null, ...fields })(seen(of, null, outputs && { outputs }), now);
const result = (action: string) => ({ action, handed: [], workflowId: "w" });
const noop = { result: result("noop") };
const over = run({ open: 0, transitionAt: 900 });

describe("transition", () => {
  it("P4: a group that is over opens the next", () => {
    expect(move(over)).toEqual({
      result: { ...result("advanced"), nextGroup: 2 },
      open: [pending("b", { number: 2, group: 2, executionId: "f1", readyAt: now })],
      run: { group: 2, open: 1, suspended: 0, transitionAt: null },
      events: [],
    });
  });

  it("P4: asked again it is a noop, since the next group is open", () => {
    const first = move(over);
    expect(move({ ...over, ...(first.run as Partial<RunState>) })).toEqual(noop);
  });

  it("P4: a group with open stages is not over, whether they run or wait", () => {
    expect(move(run({ open: 1 }))).toEqual(noop);
    expect(move(run({ open: 2, suspended: 2 }))).toEqual(noop);
  });

  it("P6: after the last group the run completes with that group's output, loaded first", () => {
    const last = run({ group: 2, open: 0, transitionAt: 900 });
    expect(move(last)).toEqual({ ...noop, need: "outputs" });
    expect(move(last, { b: "0" })).toEqual({
      result: result("completed"),
      run: { status: "COMPLETED", open: 0, suspended: 0, output: "0", completedAt: now, transitionAt: null, error: null },
      events: [{ type: "workflow:completed", duration: 800, outputJson: "0" }],
    });
  });

  it("P6: the declared output is checked for the run's own workflow", () => {
    const changes = move(run({ group: 2, open: 0 }), { b: "0" }, { checkOutput: (id, output) => `${id}: ${output} does not fit` });
    expect([changes.result, changes.run?.error]).toEqual([result("failed"), "w: 0 does not fit"]);
  });

  const failed = {
    result: result("failed"),
    endOpen: "CANCELLED",
    run: { status: "FAILED", open: 0, suspended: 0, error: "a broke", completedAt: now, transitionAt: null, queuedAt: null },
    events: [{ type: "workflow:failed", error: "a broke" }],
  };

  it("P5: a failure ends the run at once, and its open siblings, suspended ones as well", () => {
    expect(move(run({ open: 2, suspended: 1, error: "a broke" }), undefined, {}, planOf(["a", "b", "c"]))).toEqual(failed);
  });

  it("P5: a failure in an awaited group waits until none is open", () => {
    const plan = planOf({ await: ["a", "b"] }, "c");
    expect(move(run({ open: 1, error: "a broke" }), undefined, {}, plan)).toEqual(noop);
    expect(move(run({ open: 0, error: "a broke" }), undefined, {}, plan)).toEqual(failed);
  });

  it("P5: an error without a text is an error", () => {
    expect(move(run({ open: 0, error: "" })).result.action).toBe("failed");
  });

  it.each(["PENDING", "COMPLETED", "FAILED", "CANCELLED"] as const)("P8: a run that is %s is left as it is", (status) => {
    expect(move({ ...over, status })).toEqual(noop);
  });

  it("P3: what this process does not know is left as it is", () => {
    expect(move({ ...over, workflowId: "other" })).toEqual({ result: { ...result("noop"), workflowId: "other" } });
    expect(move({ ...over, group: 9 })).toEqual(noop);
    expect(move(null)).toEqual({ result: { ...result("noop"), workflowId: "" } });
  });
});
