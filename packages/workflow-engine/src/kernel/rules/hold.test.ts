// Holding a stage for its budget, and going on, told with literals.
import { describe, expect, it } from "vitest";
import { raiseBudget } from "./hold.ts";
import { ended, now, planOf, refOf, run, running, seen, suspended } from "./rules.test-literals.ts";
import { type Outcome, type SettleOptions, settle } from "./settle.ts";

const outcome: Outcome = { kind: "held", state: '{"budget":{}}', reason: "too dear", event: { type: "stage:held", limit: 1 } };
const settling = (stage: ReturnType<typeof running>): SettleOptions => ({
  ...{ plan: planOf(["a", "b"]), ref: refOf(stage), outcome, advances: true, taker: null, logs: [], progress: [] },
  from: "RUNNING",
  retry: "engine",
});
const held = { waitReason: "budget", pollAt: null, pollIntervalMs: null, maxWaitUntil: null, attempt: 0, error: "too dear" } as const;
const raise = { stageId: null, usdPico: 5n, tokens: null };
const event = { type: "budget:raised", usd: 5 } as const;

describe("hold", () => {
  it("takes the stage out of the queue without lease, poll or a spent attempt", () => {
    const stage = running("a", { attempt: 2 });
    const { result, stages, attempts, run: after, events } = settle(settling(stage))(seen(run({ open: 2 }), stage), now);
    expect(result).toMatchObject({ outcome: "held", advance: "waiting", wakeAt: null });
    expect(stages).toEqual([
      {
        ...{ stageId: "a", item: 0, payloads: { state: '{"budget":{}}' } },
        set: {
          ...{ status: "SUSPENDED", waitReason: "budget", executionId: "f1", attempt: 1, lease: null, readyAt: null, pollAt: null },
          ...{ pollIntervalMs: null, maxWaitUntil: null, startedAt: null, error: "too dear" },
        },
      },
    ]);
    expect(attempts).toMatchObject([{ outcome: "SUSPENDED", executionId: "x-a", attempt: 2, error: "too dear" }]);
    expect(after).toEqual({ suspended: 1 });
    expect(events).toEqual([{ type: "stage:held", limit: 1, stageId: "a", stageName: "A" }]);
  });

  it("says so when nothing of the run moves any more", () => {
    const stage = running("a");
    const { events } = settle(settling(stage))(seen(run({ open: 2, suspended: 1 }), stage), now);
    expect(events?.at(-1)).toEqual({ type: "workflow:suspended", stageId: "a" });
  });

  it("changes nothing when the execution has lost its stage", () => {
    const stage = running("a");
    expect(settle(settling(stage))(seen(run(), { ...stage, executionId: "other" }), now)).toEqual({
      result: expect.objectContaining({ outcome: "discarded" }),
    });
  });
});

describe("raise", () => {
  it("queues the held stages under new executions, and no others", () => {
    const stages = [suspended("a", held), suspended("b"), suspended("c", held), ended("d", "COMPLETED")];
    const {
      result,
      stages: changed,
      run: after,
      raiseBudget: raised,
      events,
    } = raiseBudget("r1", raise, event)(seen(run({ open: 3, suspended: 3 }), null, { stages }), now);
    expect(result).toEqual({ resumedStages: ["a", "c"] });
    expect(changed?.map(({ stageId, set }) => [stageId, set.status, set.executionId, set.readyAt, set.error])).toEqual([
      ["a", "PENDING", "f1-0", now, null],
      ["c", "PENDING", "f1-1", now, null],
    ]);
    expect([after, raised, events]).toEqual([{ suspended: 1 }, raise, [event]]);
  });

  it("goes on with the named stage alone", () => {
    const stages = [suspended("a", held), suspended("b", held)];
    const own = { ...raise, stageId: "b" };
    expect(raiseBudget("r1", own, event)(seen(run({ open: 2, suspended: 2 }), null, { stages }), now).result).toEqual({
      resumedStages: ["b"],
    });
  });

  it("P17: marks the stages under way, whose calls may have been refused already: held afterwards, they are queued again", () => {
    const stage = running("a", { attempt: 2 });
    const stages = [stage, ended("b", "COMPLETED")];
    const { result, stages: changed } = raiseBudget("r1", raise, event)(seen(run({ open: 1 }), null, { stages }), now);
    expect([result, changed]).toEqual([{ resumedStages: [] }, [{ stageId: "a", item: 0, set: { waitReason: "budget" } }]]);
    const again = settle(settling(stage))(seen(run({ open: 1 }), { ...stage, waitReason: "budget" }), now);
    expect(again.stages?.[0]?.set).toEqual({
      ...{ status: "PENDING", waitReason: null, executionId: "f1", attempt: 1, lease: null, readyAt: now, startedAt: null, error: null },
    });
    expect([again.result.outcome, again.run, again.events ?? []]).toEqual(["held", {}, []]);
    const other = raiseBudget("r1", { ...raise, stageId: "b" }, event)(seen(run({ open: 1 }), null, { stages }), now);
    expect(other.stages).toEqual([]);
  });

  it("P23: brings what the stage declares, so that a budget can be raised before the stage's first call", () => {
    const declared = { usdPico: 1n, tokens: null };
    const declaredOf = (workflowId: string, stageId: string) => (workflowId === "w" && stageId === "b" ? declared : undefined);
    const raised = (stageId: string | null) =>
      raiseBudget("r1", { ...raise, stageId }, event, declaredOf)(seen(run(), null, { stages: [] }), now).raiseBudget;
    expect([raised("b")?.declared, raised("a")?.declared, raised(null)?.declared]).toEqual([declared, undefined, undefined]);
  });

  it("asks for the stages of a run under way, and raises for one that is not too", () => {
    expect(raiseBudget("r1", raise, event)(seen(run({ suspended: 1 })), now).need).toBe("stages");
    expect(raiseBudget("r1", raise, event)(seen(run({ status: "FAILED" })), now)).toEqual({
      result: { resumedStages: [] },
      raiseBudget: raise,
      events: [event],
    });
    expect(() => raiseBudget("r1", raise, event)(seen(null), now)).toThrow("WorkflowRun r1 not found");
  });
});
