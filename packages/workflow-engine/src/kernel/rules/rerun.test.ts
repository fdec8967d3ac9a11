import { describe, expect, it } from "vitest";
import type { RunState, StageState } from "../../ports/store.ts";
import { rerunFrom } from "./rerun.ts";
import { ended, now, pending, planOf, run, seen } from "./rules.test-literals.ts";

const plan = planOf("a", ["b", "c"], "d");
const rerun = (of: RunState | null, from: string, stages?: StageState[]) =>
  rerunFrom("r1", from, () => plan)(seen(of, null, stages && { stages }), now);
const a = ended("a", "COMPLETED");
const b = ended("b", "FAILED", { number: 2, group: 2, attempt: 3 });
const c = ended("c", "CANCELLED", { number: 3, group: 2 });
const d = ended("d", "COMPLETED", { number: 4, group: 3 });
const attempt = { item: 0, attempt: 1, workerId: null, startedAt: 300, endedAt: 700, error: null };
const reopened = {
  status: "RUNNING",
  group: 2,
  open: 2,
  suspended: 0,
  output: null,
  error: null,
  startedAt: now,
  completedAt: null,
  queuedAt: null,
  transitionAt: null,
};

describe("rerunFrom", () => {
  it("P9: the target group opens again under new execution ids, what came after is dropped, every attempt stays on record", () => {
    const failed = run({ status: "FAILED", group: 2, open: 0, completedAt: 800, error: "b broke" });
    expect(rerun(failed, "b", [a, b, c, d])).toEqual({
      result: { workflowRunId: "r1", fromStageId: "b", deletedStages: ["b", "c", "d"] },
      attempts: [
        { ...attempt, stageId: "b", executionId: "x-b", attempt: 3, outcome: "FAILED", error: "b broke" },
        { ...attempt, stageId: "c", executionId: "x-c", outcome: "CANCELLED" },
        { ...attempt, stageId: "d", executionId: "x-d", outcome: "COMPLETED" },
      ],
      dropFrom: 2,
      open: [
        pending("b", { number: 2, group: 2, executionId: "f1", readyAt: now }),
        pending("c", { number: 3, group: 2, executionId: "f1-1", readyAt: now }),
      ],
      run: reopened,
      events: [{ type: "workflow:rerun", fromStageId: "b" }],
    });
  });

  it.each(["COMPLETED", "FAILED", "CANCELLED"] as const)("P9: works from %s: old output, duration and error leave the run", (status) => {
    const of = run({ status, open: 0, completedAt: 800, error: "old", transitionAt: null });
    expect(rerun(of, "d", [a, { ...b, status: "COMPLETED" }, { ...c, status: "COMPLETED" }, d]).run).toEqual({
      ...reopened,
      group: 3,
      open: 1,
    });
  });

  it("P9: a run that was cancelled before it started runs from its first stage", () => {
    const changes = rerun(run({ status: "CANCELLED", group: 0, open: 0, startedAt: null }), "a", []);
    expect([changes.result.deletedStages, changes.attempts, changes.dropFrom, changes.run]).toEqual([
      [],
      [],
      1,
      { ...reopened, group: 1, open: 1 },
    ]);
  });

  it("P9: a stage that was cancelled before it started leaves no attempt", () => {
    const waiting = ended("c", "CANCELLED", { number: 3, group: 2, startedAt: null, attempt: 0 });
    const changes = rerun(run({ status: "FAILED", group: 2 }), "b", [a, b, waiting]);
    expect(changes.attempts?.map(({ stageId }) => stageId)).toEqual(["b"]);
  });

  it("P9: the stages are asked for first, and nothing is decided without them", () => {
    expect(rerun(run({ status: "FAILED" }), "b")).toEqual({
      result: { workflowRunId: "r1", fromStageId: "b", deletedStages: [] },
      need: "stages",
    });
  });

  it.each(["PENDING", "RUNNING"] as const)("P9: a run that is %s is refused", (status) => {
    expect(() => rerun(run({ status }), "a", [])).toThrow(
      expect.objectContaining({
        code: "RUN_STATE",
        message: expect.stringContaining(`Cannot rerun workflow in ${status} state. It must be COMPLETED, FAILED or CANCELLED`),
      }),
    );
  });

  it.each([
    ["FAILED", [a, b, c]],
    ["missing", [a, { ...c, status: "COMPLETED" } satisfies StageState]],
  ])("P9: every earlier group must be COMPLETED: one stage %s is refused", (_, stages) => {
    expect(() => rerun(run({ status: "FAILED" }), "d", stages)).toThrow(
      expect.objectContaining({ code: "RUN_STATE", message: "Cannot rerun from stage d: previous stages have not been executed" }),
    );
  });

  it("P9: a stage or a run that does not exist is named", () => {
    expect(() => rerun(run({ status: "FAILED" }), "z", [])).toThrow("Stage z not found in workflow w");
    expect(() => rerun(null, "a", [])).toThrow("WorkflowRun r1 not found");
  });
});
