// Whether a call fits into a budget, and which run a topic names, with literals.
import { describe, expect, it } from "vitest";
import { type BudgetState, refusalOf } from "./call-budget.ts";
import { isBelowTopic, originOfTopic } from "./call-topics.ts";

const budget: BudgetState = { stageId: null, limit: { usdPico: 100n, tokens: 50 }, onExceed: "hold", spentPico: 60n, spentTokens: 20 };
const worst = { inputTokens: 10, outputTokens: 20, costPico: 40n };

describe("budget", () => {
  it("takes what fits exactly, and not a pico-dollar or token more", () => {
    expect(refusalOf(budget, worst)).toBeNull();
    expect(refusalOf(budget, { ...worst, costPico: 41n })).toMatchObject({
      scope: "run",
      trippedBy: "usd",
      neededPico: 41n,
      spentPico: 60n,
    });
    expect(refusalOf({ ...budget, stageId: "s" }, { ...worst, outputTokens: 21 })).toMatchObject({
      scope: "stage",
      trippedBy: "tokens",
      neededTokens: 31,
    });
  });

  it("without limits takes everything, with one in dollars nothing of unknown price", () => {
    const free = { ...budget, limit: { usdPico: null, tokens: null } };
    expect(refusalOf(free, { ...worst, costPico: null })).toBeNull();
    expect(() => refusalOf(budget, { ...worst, costPico: null })).toThrow("no known price");
  });
});

describe("topics", () => {
  it("name run and stage", () => {
    expect(originOfTopic("workflow.r.1.stage.s.child.2")).toEqual({ runId: "r.1", stageId: "s" });
    expect(originOfTopic("workflow.r1.notes")).toEqual({ runId: "r1", stageId: null });
    expect(originOfTopic("mine.r1")).toEqual({ runId: null, stageId: null });
  });

  it("match whole segments", () => {
    expect([isBelowTopic("workflow.1.a", "workflow.1"), isBelowTopic("workflow.10", "workflow.1"), isBelowTopic("x", "")]).toEqual([
      true,
      false,
      true,
    ]);
  });
});
