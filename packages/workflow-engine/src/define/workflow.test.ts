// What people read of a workflow, to the letter of the contract.

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { WorkflowBuilder } from "./builder.ts";
import { defineStage } from "./stage.ts";

const Doc = z.object({ pages: z.number() });

function stage<TId extends string>(id: TId, name: string, config: z.ZodType, estimateCost?: (input: unknown, config: unknown) => number) {
  return defineStage({
    id,
    name,
    description: id === "a" ? "The first" : undefined,
    schemas: { input: "none", output: z.unknown(), config },
    execute: () => ({ output: id }),
    ...(estimateCost && { estimateCost }),
  });
}
const Price = z.object({ price: z.number().default(2) });
const a = stage("a", "Stage A", Price, (input, config) => (input as { pages: number }).pages * (config as { price: number }).price);
const b = stage("b", "Stage B", z.object({}));
const c = stage("c", "Stage C", z.object({ key: z.string(), n: z.number().default(1) }));
const d = stage("d", "Stage D", z.object({}), () => 0.5);
const workflow = new WorkflowBuilder("w", "My workflow", "about", Doc, Doc).pipe(a).parallel([b, c]).pipe(d).build();

describe("Workflow", () => {
  it("tells its order as text", () => {
    expect(workflow.getExecutionOrder()).toBe(
      [
        "Workflow: My workflow (w)",
        "Total stages: 4",
        "Execution groups: 3",
        "",
        "Execution Order:",
        "1. Stage A (a)",
        "2. [PARALLEL]",
        "   - Stage B (b)",
        "   - Stage C (c)",
        "3. Stage D (d)",
      ].join("\n"),
    );
  });

  it("gives its plan, stages and ids", () => {
    expect(workflow.getExecutionPlan()).toEqual([
      [{ stage: a, executionGroup: 1 }],
      [
        { stage: b, executionGroup: 2 },
        { stage: c, executionGroup: 2 },
      ],
      [{ stage: d, executionGroup: 3 }],
    ]);
    expect(workflow.getAllStages()).toEqual([a, b, c, d]);
    expect(workflow.getStageIds()).toEqual(["a", "b", "c", "d"]);
    expect([workflow.getStage("b"), workflow.getStage("x"), workflow.hasStage("b"), workflow.hasStage("x")]).toEqual([
      b,
      undefined,
      true,
      false,
    ]);
  });

  it("counts groups from 1 and places from 0", () => {
    expect([1, 2, 3, 4, 0].map((group) => workflow.getStagesInExecutionGroup(group).length)).toEqual([1, 2, 1, 0, 0]);
    expect(["a", "c", "d", "x"].map((id) => workflow.getStageIndex(id))).toEqual([0, 2, 3, -1]);
    expect(["a", "b", "c", "d"].map((id) => workflow.getExecutionGroupIndex(id))).toEqual([1, 2, 2, 3]);
    expect(() => workflow.getExecutionGroupIndex("x")).toThrow("Stage x not found in workflow");
    expect(["a", "b", "d", "x"].map((id) => workflow.getPreviousStageId(id))).toEqual([undefined, "a", "c", undefined]);
  });

  it("describes and checks configs", () => {
    expect(workflow.getStageConfigs()["a"]).toEqual({ schema: Price, defaults: { price: 2 }, name: "Stage A", description: "The first" });
    expect(workflow.getStageConfigs()["b"]).not.toHaveProperty("description");
    expect(workflow.getDefaultConfig()).toEqual({ a: { price: 2 }, b: {}, c: { n: 1 }, d: {} });
    expect(workflow.validateConfig({ c: { key: "k" } })).toEqual({ valid: true, errors: [] });
    expect(workflow.validateConfig({ a: { price: "2" }, c: { key: "k" } })).toEqual({
      valid: false,
      errors: [{ stageId: "a", error: expect.stringMatching(/^Config validation failed: price: /) }],
    });
  });

  it("sums the estimates of its stages over their defaults", () => {
    expect(workflow.estimateCost({ pages: 3 }, { c: { key: "k" } })).toBe(6.5);
    expect(workflow.estimateCost({ pages: 3 }, { a: { price: 10 }, c: { key: "k" } })).toBe(30.5);
  });

  it("uses the configs as given when they do not parse", () => {
    expect(workflow.estimateCost({ pages: 3 }, { a: { price: 10 } })).toBe(30.5);
  });

  it("counts a later stage that cannot estimate from the workflow's input as 0, but not the first", () => {
    const picky = stage("picky", "Picky", z.object({}), (input) => (input as { text: string }).text.length);
    const start = () => new WorkflowBuilder("w", "W", "", Doc, Doc);
    expect(start().pipe(d).pipe(picky).build().estimateCost({ pages: 1 })).toBe(0.5);
    expect(() => start().pipe(picky).build().estimateCost({ pages: 1 })).toThrow(TypeError);
  });

  it("can be empty", () => {
    const empty = new WorkflowBuilder("w", "W", "", Doc, Doc).build();
    expect([empty.getStageIds(), empty.plan.groups]).toEqual([[], []]);
  });
});
