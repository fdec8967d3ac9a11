import { describe, expect, it } from "vitest";
import { createPlan } from "../../define/plan.ts";
import { closeGroup, completeRun, composeOutput, failRun, type GroupEnd, needsOutputs } from "./advance.ts";
import { declared, now, pending, planOf, run, takerOf } from "./rules.test-literals.ts";

const end = (fields: Partial<GroupEnd>): GroupEnd => ({
  plan: planOf("a", "b"),
  run: run({ open: 0 }),
  now,
  freshId: "f1",
  taker: null,
  outputs: undefined,
  ...fields,
});

describe("closeGroup", () => {
  it("P4: opens the next group", () => {
    expect(closeGroup(end({}))).toEqual({
      ...{ advance: "advanced", nextGroup: 2, handed: [], outputs: null },
      open: [pending("b", { number: 2, group: 2, executionId: "f1", readyAt: now })],
      run: { group: 2, open: 1, suspended: 0, transitionAt: null },
      events: [],
    });
  });

  it("P6: the run ends with its last group's output, never with null for one that is missing", () => {
    const changes = closeGroup(end({ plan: planOf(["a", "constructor"]), outputs: { a: "1" } }));
    expect(changes).toEqual(failRun('Stage "constructor" of the last group has no stored output. Rerun from it.', now));
  });

  it("P5: a run that holds an error fails and opens nothing", () => {
    expect(closeGroup(end({ run: run({ open: 0, error: "broke" }) }))).toEqual(failRun("broke", now));
  });

  it("P17: a next group without stages is marked for run.transition; the last one gives an empty record", () => {
    const empty = { stages: [], isParallel: true, onFailure: "abort" } as const;
    const plan = createPlan("w", [{ stages: [declared("a")], isParallel: false, onFailure: "abort" }, empty]);
    expect(closeGroup(end({ plan })).run).toEqual({ group: 2, open: 0, suspended: 0, transitionAt: now });
    expect(closeGroup(end({ plan, run: run({ group: 2, open: 0 }), outputs: {} })).run.output).toBe("{}");
  });

  it("a group that the plan does not have is an error that names it", () => {
    expect(() => closeGroup(end({ run: run({ group: 7 }) }))).toThrow("Workflow w has no execution group 7");
  });
});

describe("completeRun", () => {
  it("P7: workflow:completed carries an output of up to 32 KiB; a longer one is read from the run", () => {
    const text = (length: number) => JSON.stringify("x".repeat(length - 2));
    const eventOf = (output: string) => completeRun({ run: run(), now }, output).events[0];
    expect(eventOf(text(32_768))).toEqual({ type: "workflow:completed", duration: 800, outputJson: text(32_768) });
    expect(eventOf(text(32_769))).toEqual({ type: "workflow:completed", duration: 800 });
  });

  it("P5: a run that completes carries no error", () => {
    expect(completeRun({ run: run(), now }, "1").run.error).toBe(null);
  });
});

describe("failRun", () => {
  it("P5: the run is FAILED, nothing of it is open or queued, what was open is CANCELLED", () => {
    expect(failRun("broke", now)).toEqual({
      ...{ advance: "failed", handed: [], outputs: null },
      endOpen: "CANCELLED",
      run: { status: "FAILED", open: 0, suspended: 0, error: "broke", completedAt: now, transitionAt: null, queuedAt: null },
      events: [{ type: "workflow:failed", error: "broke" }],
    });
  });
});

describe("composeOutput and needsOutputs", () => {
  it("P6: one piped stage gives its output, a parallel group a record by stage id, whatever the keys of its record form", () => {
    expect(composeOutput(planOf("a").getGroup(1)!, { a: "0" })).toBe("0");
    expect(composeOutput(planOf(["a"]).getGroup(1)!, { a: "false" })).toBe('{"a":false}');
    const stages = Object.values({ second: declared('b"'), first: declared("a") });
    const record = createPlan("w", [{ stages, isParallel: true, onFailure: "abort" }]);
    expect(composeOutput(record.getGroup(1)!, { a: '""', 'b"': "null" })).toBe('{"b\\"":null,"a":""}');
  });

  it("P6: outputs are needed to end a run, or by a worker that is handed the next group", () => {
    const plan = planOf("a", "b");
    expect([
      needsOutputs(plan, plan.getGroup(1)!, null),
      needsOutputs(plan, plan.getGroup(1)!, takerOf(0)),
      needsOutputs(plan, plan.getGroup(1)!, takerOf(1)),
      needsOutputs(plan, plan.getGroup(2)!, null),
    ]).toEqual([false, false, true, true]);
  });
});
