import { describe, expect, it } from "vitest";
import { isEnded } from "../../ports/status.ts";
import { heldBy } from "./fence.ts";
import { refOf, run, running, seen, suspended } from "./rules.test-literals.ts";

describe("heldBy", () => {
  const a = running("a");

  it("P13: the execution that the stage names holds it", () => {
    const of = run();
    expect(heldBy(refOf(a), "RUNNING", seen(of, a))).toEqual({ run: of, stage: a });
  });

  it("P13: the fence is the execution's id: the same attempt number of another execution holds nothing", () => {
    expect(heldBy(refOf(a), "RUNNING", seen(run(), { ...a, executionId: "newer" }))).toBe(null);
  });

  it("P8: nobody holds a stage of a run that is not RUNNING, or one in another status", () => {
    expect(heldBy(refOf(a), "RUNNING", seen(run({ status: "CANCELLED" }), a))).toBe(null);
    expect(heldBy(refOf(a), "RUNNING", seen(run(), suspended("a")))).toBe(null);
    expect(heldBy(refOf(a), "SUSPENDED", seen(run(), a))).toBe(null);
    expect(heldBy(refOf(a), "RUNNING", seen(null, null))).toBe(null);
  });
});

describe("isEnded", () => {
  it("P9: only COMPLETED, FAILED, CANCELLED and SKIPPED are ends", () => {
    const statuses = ["PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "CANCELLED", "SKIPPED"] as const;
    expect(statuses.filter(isEnded)).toEqual(["COMPLETED", "FAILED", "CANCELLED", "SKIPPED"]);
  });
});
