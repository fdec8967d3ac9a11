import { describe, expect, it } from "vitest";
import { assertDeletable, cancel, deleteRun, requireRun } from "./cancel.ts";
import { now, pendingRun, run, seen } from "./rules.test-literals.ts";

const endings = ["COMPLETED", "FAILED", "CANCELLED"] as const;

describe("cancel", () => {
  const ends = { status: "CANCELLED", open: 0, suspended: 0, completedAt: now, queuedAt: null, transitionAt: null };

  it("P8: the run and every open stage end in one commit; nothing is left to claim, poll or move", () => {
    expect(cancel("r1", "enough")(seen(run({ open: 3, suspended: 2, transitionAt: 900 })), now)).toEqual({
      result: { cancelled: true },
      endOpen: "CANCELLED",
      run: { ...ends, error: "enough" },
      events: [{ type: "workflow:cancelled", reason: "enough" }],
    });
  });

  it("P8: a run that nobody has claimed is cancelled and can be claimed no more", () => {
    expect(cancel("r1", undefined)(seen(pendingRun()), now)).toEqual({
      result: { cancelled: true },
      endOpen: "CANCELLED",
      run: { ...ends, error: null },
      events: [{ type: "workflow:cancelled" }],
    });
  });

  it.each(endings)("P8: a run that is %s is left as it is and told of no second time", (status) => {
    expect(cancel("r1", "late")(seen(run({ status })), now)).toEqual({ result: { cancelled: false } });
  });

  it("a run that does not exist is RUN_NOT_FOUND", () => {
    expect(() => cancel("r1", undefined)(seen(null), now)).toThrow(
      expect.objectContaining({ code: "RUN_NOT_FOUND", message: "WorkflowRun r1 not found" }),
    );
  });
});

describe("deleteRun", () => {
  it.each(endings)("P22: a run that is %s goes with all that belongs to it", (status) => {
    expect(deleteRun("r1")(seen(run({ status })), now)).toEqual({ result: { deleted: true }, deleteRun: true });
    expect(assertDeletable("r1")(seen(run({ status })), now)).toEqual({ result: "w" });
  });

  it.each(["PENDING", "RUNNING"] as const)("P22: a run that is %s is refused", (status) => {
    const refusal = expect.objectContaining({
      code: "RUN_STATE",
      message: `Cannot delete workflow run r1 in ${status} state. Cancel it first.`,
    });
    expect(() => deleteRun("r1")(seen(run({ status })), now)).toThrow(refusal);
    expect(() => assertDeletable("r1")(seen(run({ status })), now)).toThrow(refusal);
  });

  it("P22: a run that is gone already is no error", () => {
    expect(deleteRun("r1")(seen(null), now)).toEqual({ result: { deleted: false } });
    expect(assertDeletable("r1")(seen(null), now)).toEqual({ result: null });
  });
});

describe("requireRun", () => {
  it("gives the run back", () => {
    const of = run();
    expect(requireRun(of, "r1")).toBe(of);
  });
});
