// The checks a builder makes when it runs: dependencies, unique ids, and what a built workflow keeps.

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineWorkflow, WorkflowBuilder } from "./builder.ts";
import { type AnyStage, defineStage } from "./stage.ts";

const Any = z.object({});
const stage = (id: string, dependencies?: string[]): AnyStage =>
  defineStage({
    id,
    name: id.toUpperCase(),
    dependencies,
    schemas: { input: "none", output: Any, config: Any },
    execute: async () => ({ output: {} }),
  });
const builder = () => new WorkflowBuilder("w", "W", "about", Any, Any);

describe("WorkflowBuilder", () => {
  it("counts stages and execution groups", () => {
    const built = builder()
      .pipe(stage("a"))
      .parallel([stage("b"), stage("c")]);
    expect([built.getStageCount(), built.getExecutionGroupCount()]).toEqual([3, 2]);
  });

  it("refuses a stage whose dependency is not there", () => {
    expect(() => builder().pipe(stage("b", ["a"]))).toThrow(
      'Stage "b" has missing dependencies: a. These stages must be added to the workflow before "b". Current stages: (none)',
    );
  });

  it("refuses a parallel stage whose dependency is not there", () => {
    const two = builder().pipe(stage("x")).pipe(stage("y"));
    expect(() => two.parallel([stage("b", ["x", "a"])])).toThrow(
      'Stage "b" (in parallel group) has missing dependencies: a. These stages must be added to the workflow before this parallel group. Current stages: x, y',
    );
  });

  it("does not take a sibling for a dependency", () => {
    expect(() => builder().parallel([stage("a"), stage("b", ["a"])])).toThrow("(in parallel group) has missing dependencies: a");
  });

  it("accepts a dependency in an earlier group", () => {
    expect(
      builder()
        .parallel([stage("a"), stage("b")])
        .pipe(stage("c", ["a", "b"]))
        .getStageCount(),
    ).toBe(3);
  });

  it("refuses a stage id twice, also within a group, and keeps what it had", () => {
    const one = builder().pipe(stage("a"));
    const message = 'Stage "a" is already in workflow "w". Stage ids must be unique.';
    expect(() => one.pipe(stage("a"))).toThrow(message);
    expect(() => builder().parallel({ first: stage("a"), second: stage("a") })).toThrow(message);
    expect(() => one.parallel([stage("b"), stage("a")])).toThrow(expect.objectContaining({ code: "INVALID_DEFINITION" }));
    expect([one.getStageCount(), one.getExecutionGroupCount()]).toEqual([1, 1]);
    expect(one.pipe(stage("b")).getStageCount()).toBe(2);
  });

  it("refuses a parallel group without stages", () => {
    expect(() => builder().parallel([])).toThrow('Workflow "w" has a parallel group without stages');
  });

  it("leaves a built workflow alone", () => {
    const open = builder().pipe(stage("a"));
    const built = open.build();
    open.pipe(stage("b"));
    expect(built.getStageIds()).toEqual(["a"]);
    expect(open.build().getStageIds()).toEqual(["a", "b"]);
  });

  it("hands over what happens to siblings of a failed stage", () => {
    const { groups } = builder()
      .parallel([stage("a")])
      .parallel({ x: stage("b") }, { onFailure: "await" })
      .build().plan;
    expect(groups.map(({ onFailure, isParallel }) => [onFailure, isParallel])).toEqual([
      ["abort", true],
      ["await", true],
    ]);
  });

  it("keeps its output schema as documentation", () => {
    const Documented = z.object({ url: z.string() });
    const built = new WorkflowBuilder("w", "W", "", Any, Documented).pipe(stage("a")).build();
    expect([built.outputSchema, built.enforcedOutputSchema]).toEqual([Documented, undefined]);
  });
});

describe("defineWorkflow", () => {
  const count = defineStage({
    id: "count",
    name: "Count",
    schemas: { input: "none", output: z.object({ n: z.number() }), config: Any },
    execute: () => ({ output: { n: 1 } }),
  });

  it("carries a declared output for the run to meet", () => {
    const Output = z.object({ n: z.number() });
    const built = defineWorkflow({ id: "w", name: "W", input: Any, output: Output, budget: { usd: 2, onExceed: "fail" } })
      .pipe(count)
      .build();
    expect([built.outputSchema, built.enforcedOutputSchema, built.description]).toEqual([Output, Output, ""]);
    expect(built.budget).toEqual({ usd: 2, onExceed: "fail" });
  });

  it("takes the output of the last group when none is declared", () => {
    const open = defineWorkflow({ id: "w", name: "W", input: Any });
    expect(open.build().outputSchema).toBe(Any);
    expect(open.pipe(count).build().outputSchema).toBe(count.outputSchema);
    const grouped = open.parallel([stage("a"), { ...count, id: "b" }]).build();
    expect(grouped.outputSchema.parse({ a: {}, b: { n: 2 } })).toEqual({ a: {}, b: { n: 2 } });
    expect(grouped.enforcedOutputSchema).toBeUndefined();
  });

  it("refuses a budget below zero", () => {
    expect(() => defineWorkflow({ id: "w", name: "W", input: Any, budget: { usd: -1, onExceed: "hold" } })).toThrow(
      'Workflow "w": budget.usd must be at least 0, got -1',
    );
  });
});
