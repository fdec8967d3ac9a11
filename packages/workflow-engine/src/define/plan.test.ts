// What the kernel reads: places, look-ups, versions and where data comes from (P6).

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createPlan, type DeclaredGroup, inputOfGroup, outputOfGroup, takesInput } from "./plan.ts";
import { type AnyStage, defineStage } from "./stage.ts";

function stage(id: string, more: { output?: z.ZodType; dependencies?: string[]; name?: string } = {}): AnyStage {
  return defineStage({
    id,
    name: more.name ?? id,
    dependencies: more.dependencies,
    schemas: { input: "none", output: more.output ?? z.unknown(), config: z.object({}) },
    execute: () => ({ output: id }),
  });
}
const one = (only: AnyStage): DeclaredGroup => ({ stages: [only], isParallel: false, onFailure: "abort" });
const many = (...stages: AnyStage[]): DeclaredGroup => ({ stages, isParallel: true, onFailure: "abort" });
const plan = createPlan("w", [one(stage("a")), many(stage("b"), stage("c")), one(stage("d"))]);

describe("createPlan", () => {
  it("numbers stages and groups from 1", () => {
    expect(plan.stages.map(({ stageId, stageNumber, executionGroup }) => [stageId, stageNumber, executionGroup])).toEqual([
      ["a", 1, 1],
      ["b", 2, 2],
      ["c", 3, 2],
      ["d", 4, 3],
    ]);
    expect(plan.getGroup(2)?.stages.map(({ stageId }) => stageId)).toEqual(["b", "c"]);
    expect([plan.getGroup(0), plan.getGroup(4)]).toEqual([undefined, undefined]);
  });

  it("finds a stage by id", () => {
    expect(plan.getStage("c")).toBe(plan.stages[2]);
    expect(plan.requireStage("c")).toBe(plan.stages[2]);
    expect(plan.getStage("x")).toBeUndefined();
    expect(() => plan.requireStage("x")).toThrow("Stage x not found in workflow w");
    expect(() => plan.requireStage("x")).toThrow(expect.objectContaining({ code: "STAGE_NOT_FOUND" }));
  });
});

describe("fingerprint", () => {
  const of = (...groups: DeclaredGroup[]) => createPlan("w", groups).fingerprint;

  it("is the same for the same shape, whatever the names", () => {
    expect(of(one(stage("a")))).toBe(of(one(stage("a", { name: "Other" }))));
    expect(of(one(stage("a")))).toBe(createPlan("other-id", [one(stage("a"))]).fingerprint);
  });

  it("differs with ids, edges and schemas", () => {
    const shapes = [
      of(one(stage("a")), one(stage("b"))),
      of(one(stage("b")), one(stage("a"))),
      of(many(stage("a"), stage("b"))),
      of(one(stage("a")), many(stage("b"))),
      of(one(stage("a")), one(stage("b", { dependencies: ["a"] }))),
      of(one(stage("a")), one(stage("b", { output: z.string() }))),
    ];
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});

describe("P6: where data comes from", () => {
  const outputs = { a: 0, b: "", c: null };

  it("gives the first group the run's input", () => {
    expect(inputOfGroup(plan, 1, { url: "u" }, {})).toEqual({ url: "u" });
  });

  it("gives the output of the group before, falsy or not", () => {
    expect(inputOfGroup(plan, 2, { url: "u" }, outputs)).toBe(0);
  });

  it("gives outputs by stage id after a parallel group, even of one stage", () => {
    expect(inputOfGroup(plan, 3, { url: "u" }, outputs)).toEqual({ b: "", c: null });
    const [group] = createPlan("w", [many(stage("only"))]).groups;
    expect(outputOfGroup(group!, { only: 1 })).toEqual({ only: 1 });
  });

  it("never falls back to the run's input", () => {
    expect(() => inputOfGroup(plan, 3, { url: "u" }, { a: 0, b: "" })).toThrow('Stage "c" of execution group 2 has no stored output');
  });

  it.each([
    ["none" as const, false],
    [z.object({}), false],
    [z.looseObject({}), true],
    [z.strictObject({}), true],
    [z.string(), true],
  ])("tells whether a stage takes what comes before", (input, expected) => {
    const schemas = { input, output: z.string(), config: z.object({}) };
    expect(takesInput(defineStage({ id: "s", name: "S", schemas, execute: () => ({ output: "" }) }))).toBe(expected);
  });
});
