import { describe, expect, it } from "vitest";
import { create } from "./create.ts";
import { now, run, seen } from "./rules.test-literals.ts";

describe("create", () => {
  const fields = {
    workflowId: "w",
    workflowName: "W",
    workflowVersion: "v1",
    priority: 7,
    startAt: 5_000,
    input: "0",
    config: '{"a":{}}',
    metadata: null,
    parentRunId: null,
  };

  it("P1: the run and workflow:created are one answer, and the parsed config is in it", () => {
    expect(create({ runId: "r1", ...fields })(seen(null), now)).toEqual({
      result: { workflowRunId: "r1", status: "PENDING" },
      create: fields,
      events: [{ type: "workflow:created", workflowId: "w" }],
    });
  });

  it("an id that a run has is refused", () => {
    expect(() => create({ runId: "r1", ...fields })(seen(run()), now)).toThrow("WorkflowRun r1 exists already. Use another id.");
  });

  it("P4: asked twice, it answers the same", () => {
    const decide = create({ runId: "r1", ...fields });
    expect(decide(seen(null), now)).toEqual(decide(seen(null), now));
  });
});
