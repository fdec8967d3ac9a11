import { describe, expect, it } from "vitest";
import { createPlan, type WorkflowPlan } from "../../define/plan.ts";
import { now, pending, pendingRun, planOf, run, seen, takerOf } from "./rules.test-literals.ts";
import { startRun } from "./start-run.ts";

const payloads = { input: '{"n":1}', config: "{}", outputs: {}, groups: {} };
const known = (plan: WorkflowPlan) => (workflowId: string) => (workflowId === "w" ? plan : null);

describe("startRun", () => {
  const a = pending("a", { executionId: "f1", readyAt: now });
  const started = { workflowRunId: "r1", workflowId: "w", priority: 5, payloads };
  const patch = { status: "RUNNING", group: 1, open: 1, suspended: 0, transitionAt: null, startedAt: now, queuedAt: null };

  it("P3: a claimed run is RUNNING, no longer queued, and its first group opens in the same commit", () => {
    expect(startRun(known(planOf("a", "b")), null)(seen(pendingRun(), null, { payloads }), now)).toEqual({
      result: { ...started, opened: [a], handed: [] },
      open: [a],
      run: patch,
      events: [{ type: "workflow:started" }],
    });
  });

  it("P4: every stage of a parallel first group opens, and a claimer is handed as many as it has slots", () => {
    const lease = { instanceId: "i9", workerId: "w9", lockedAt: now };
    const handed = { ...a, status: "RUNNING", attempt: 1, readyAt: null, startedAt: now, lease };
    const b = pending("b", { number: 2, executionId: "f1-1", readyAt: now });
    expect(startRun(known(planOf(["a", "b"])), takerOf(1))(seen(pendingRun(), null, { payloads }), now)).toEqual({
      result: { ...started, opened: [handed, b], handed: [handed] },
      open: [handed, b],
      run: { ...patch, open: 2 },
      events: [{ type: "workflow:started" }, { type: "stage:started", stageId: "a", stageName: "A", stageNumber: 1 }],
    });
  });

  it("P3: a run of a workflow this process does not know is left as it is", () => {
    expect(startRun(() => null, null)(seen(pendingRun({ workflowId: "other" })), now)).toEqual({ result: null });
  });

  it.each(["RUNNING", "COMPLETED", "FAILED", "CANCELLED"] as const)("P3: a run that is %s is not started again", (status) => {
    expect(startRun(known(planOf("a")), null)(seen(run({ status })), now)).toEqual({ result: null });
  });

  it("P3: a run that is gone is nobody's", () => {
    expect(startRun(known(planOf("a")), null)(seen(null), now)).toEqual({ result: null });
  });

  it("P3: a run without stages completes with its input; it would otherwise be claimed for ever before all others", () => {
    expect(startRun(known(createPlan("w", [])), null)(seen(pendingRun(), null, { payloads }), now)).toEqual({
      result: { ...started, opened: [], handed: [] },
      run: {
        status: "COMPLETED",
        open: 0,
        suspended: 0,
        output: '{"n":1}',
        startedAt: now,
        completedAt: now,
        queuedAt: null,
        transitionAt: null,
        error: null,
      },
      events: [{ type: "workflow:started" }, { type: "workflow:completed", duration: 0, outputJson: '{"n":1}' }],
    });
  });

  it("P17: a first group without stages is marked for run.transition", () => {
    const plan = createPlan("w", [{ stages: [], isParallel: true, onFailure: "abort" }]);
    expect(startRun(known(plan), null)(seen(pendingRun(), null, { payloads }), now)).toEqual({
      result: { ...started, opened: [], handed: [] },
      open: [],
      run: { ...patch, open: 0, transitionAt: now },
      events: [{ type: "workflow:started" }],
    });
  });
});
