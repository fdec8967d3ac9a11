import { describe, expect, it } from "vitest";
import type { ArtifactRow, LogRow, StageState } from "../../ports/store.ts";
import { now, pending, planOf, refOf, run, running, seen, suspended, takerOf } from "./rules.test-literals.ts";
import { type SettleOptions, settle } from "./settle.ts";

const outcome = (output = '{"n":1}') => ({ kind: "completed" as const, output, metrics: '{"ms":1}', artifacts: [] });
const a = running("a");

function options(fields: Partial<SettleOptions> = {}, stage: StageState = a): SettleOptions {
  const silent = { logs: [], progress: [] };
  const plan = planOf("a", "b");
  return {
    plan,
    ref: refOf(stage),
    outcome: outcome(),
    from: "RUNNING",
    retry: "engine",
    advances: true,
    taker: null,
    ...silent,
    ...fields,
  };
}

const completed = (output = '{"n":1}', stageId = "a") => ({
  stageId,
  item: 0,
  set: { status: "COMPLETED", completedAt: now, error: null, waitReason: null, readyAt: null, pollAt: null },
  payloads: { output, metrics: '{"ms":1}' },
});
const done = (stageId = "a") => ({ type: "stage:completed", stageId, stageName: stageId.toUpperCase(), duration: 700 });
const waiting = { outcome: "completed", wakeAt: null, advance: "waiting", handed: [], outputs: null };
const silent = { artifacts: [], logs: [] };

describe("settle: the last stage of a group completes", () => {
  it("P4: the next group opens in the same commit", () => {
    const b = pending("b", { number: 2, group: 2, executionId: "f1", readyAt: now });
    expect(settle(options())(seen(run(), a), now)).toEqual({
      result: { ...waiting, advance: "advanced", nextGroup: 2, outputs: { a: '{"n":1}' } },
      stages: [completed()],
      open: [b],
      run: { group: 2, open: 1, suspended: 0, transitionAt: null },
      events: [done()],
      ...silent,
    });
  });

  it("P4: the worker that settles is handed the next stage, and the outputs it reads", () => {
    const lease = { instanceId: "i9", workerId: "w9", lockedAt: now };
    const b = running("b", { number: 2, group: 2, executionId: "f1", startedAt: now, lease });
    expect(settle(options({ taker: takerOf(1) }))(seen(run(), a), now)).toEqual({
      result: { ...waiting, advance: "advanced", nextGroup: 2, handed: [b], outputs: { a: '{"n":1}' } },
      stages: [completed()],
      open: [b],
      run: { group: 2, open: 1, suspended: 0, transitionAt: null },
      events: [done(), { type: "stage:started", stageId: "b", stageName: "B", stageNumber: 2 }],
      ...silent,
    });
  });

  it.each(["0", '""', "false", "null"])("P6: %s is a value, and the run's output after the last group", (output) => {
    expect(settle(options({ plan: planOf("a"), outcome: outcome(output) }))(seen(run(), a), now)).toEqual({
      result: { ...waiting, advance: "completed" },
      stages: [completed(output)],
      run: { status: "COMPLETED", open: 0, suspended: 0, output, completedAt: now, transitionAt: null, error: null },
      events: [done(), { type: "workflow:completed", duration: 800, outputJson: output }],
      ...silent,
    });
  });

  it("P6: after parallel with one stage the output is still keyed by the stage's id", () => {
    const changes = settle(options({ plan: planOf(["a"]) }))(seen(run(), a), now);
    expect(changes.run?.output).toBe('{"a":{"n":1}}');
  });

  it("P6: the last of several siblings asks for the others' outputs, then the run's output holds all, in declared order", () => {
    const c = running("c");
    const ask = options({ plan: planOf(["c", "b"]), outcome: outcome("3") }, c);
    expect(settle(ask)(seen(run(), c), now).need).toBe("outputs");
    const changes = settle(ask)(seen(run(), c, { outputs: { b: "false" } }), now);
    expect(changes).toEqual({
      result: { ...waiting, advance: "completed" },
      stages: [completed("3", "c")],
      run: {
        status: "COMPLETED",
        open: 0,
        suspended: 0,
        output: '{"c":3,"b":false}',
        completedAt: now,
        transitionAt: null,
        error: null,
      },
      events: [done("c"), { type: "workflow:completed", duration: 800, outputJson: '{"c":3,"b":false}' }],
      ...silent,
    });
  });

  it("P4: outputs are not loaded when nobody takes the next group over, so an advance is O(1) in the width", () => {
    const changes = settle(options({ plan: planOf(["a", "c"], "b") }))(seen(run(), a), now);
    expect([changes.need, changes.result.advance, changes.result.outputs]).toEqual([undefined, "advanced", null]);
  });

  it("P6: an output that does not fit the declared one fails the run; the stage has completed", () => {
    const checkOutput = (output: string) => `misfit: ${output}`;
    expect(settle(options({ plan: planOf("a"), checkOutput }))(seen(run(), a), now)).toEqual({
      result: { ...waiting, advance: "failed" },
      stages: [completed()],
      endOpen: "CANCELLED",
      run: {
        status: "FAILED",
        open: 0,
        suspended: 0,
        error: 'misfit: {"n":1}',
        completedAt: now,
        transitionAt: null,
        queuedAt: null,
      },
      events: [done(), { type: "workflow:failed", error: 'misfit: {"n":1}' }],
      ...silent,
    });
  });

  it("P5: a run whose awaited group holds a failure fails when the last sibling has ended", () => {
    const changes = settle(options({ plan: planOf({ await: ["a", "c"] }, "b") }))(seen(run({ error: "c broke" }), a), now);
    expect([changes.result.advance, changes.run?.status, changes.run?.error, changes.open]).toEqual([
      "failed",
      "FAILED",
      "c broke",
      undefined,
    ]);
    expect(changes.events).toEqual([done(), { type: "workflow:failed", error: "c broke" }]);
  });

  it("P17: driven by plain commands it leaves a mark for run.transition and opens nothing", () => {
    expect(settle(options({ advances: false }))(seen(run(), a), now)).toEqual({
      result: waiting,
      stages: [completed()],
      run: { open: 0, suspended: 0, transitionAt: now },
      events: [done()],
      ...silent,
    });
  });
});

describe("settle: a stage completes while siblings are open", () => {
  const three = planOf(["a", "b", "c"], "d");

  it("P4: the others do not open the next group", () => {
    expect(settle(options({ plan: three }))(seen(run({ open: 2 }), a), now)).toEqual({
      result: waiting,
      stages: [completed()],
      run: { open: 1, suspended: 0 },
      events: [done()],
      ...silent,
    });
  });

  it("P11: when all that is left waits for something outside, workflow:suspended is told, once", () => {
    const of = run({ open: 3, suspended: 2 });
    expect(settle(options({ plan: three }))(seen(of, a), now).need).toBe("stages");
    const stages = [a, suspended("b"), suspended("c")];
    expect(settle(options({ plan: three }))(seen(of, a, { stages }), now)).toEqual({
      result: waiting,
      stages: [completed()],
      run: { open: 2, suspended: 2 },
      events: [done(), { type: "workflow:suspended", stageId: "b" }],
      ...silent,
    });
  });

  it("P11: a polled stage that completes among others that wait changes nothing about their waiting, so nothing is told again", () => {
    const stage = suspended("a");
    expect(settle(options({ plan: three, from: "SUSPENDED" }, stage))(seen(run({ open: 3, suspended: 3 }), stage), now)).toEqual({
      result: waiting,
      stages: [completed()],
      run: { open: 2, suspended: 2 },
      events: [done()],
      ...silent,
    });
  });
});

describe("settle: what rides along and who is refused", () => {
  it("P19: log lines, artifacts and progress not yet told are in the same commit, progress before the end", () => {
    const logs: LogRow[] = [{ stageId: "a", item: 0, level: "INFO", message: "m", metadata: null, at: 900 }];
    const artifacts: ArtifactRow[] = [{ stageId: "a", key: "k", type: "ARTIFACT", data: "1", bytes: 1 }];
    const progress = [{ type: "stage:progress" as const, stageId: "a", progress: 1, message: "end" }];
    const changes = settle(options({ advances: false, logs, progress, outcome: { ...outcome(), artifacts, embeddings: "[1]" } }))(
      seen(run(), a),
      now,
    );
    expect([changes.logs, changes.artifacts, changes.events]).toEqual([logs, artifacts, [...progress, done()]]);
    expect(changes.stages?.[0]?.payloads).toEqual({
      ...{ output: '{"n":1}', metrics: '{"ms":1}', embeddings: "[1]" },
      progress: '{"progress":1,"message":"end"}',
    });
  });

  const discarded = { result: { outcome: "discarded", wakeAt: null, advance: "waiting", handed: [], outputs: null } };
  const settled = settle(options({ logs: [{ stageId: "a", item: 0, level: "INFO", message: "m", metadata: null, at: 1 }] }));

  it("P13: an execution that lost its stage writes nothing, no log line either", () => {
    expect(settled(seen(run(), running("a", { executionId: "newer" })), now)).toEqual(discarded);
    expect(settled(seen(run(), pending("a")), now)).toEqual(discarded);
    expect(settled(seen(run(), null), now)).toEqual(discarded);
    expect(settled(seen(null, null), now)).toEqual(discarded);
  });

  it.each(["CANCELLED", "FAILED", "COMPLETED", "PENDING"] as const)("P8: nothing is written into a run that is %s", (status) => {
    expect(settled(seen(run({ status }), a), now)).toEqual(discarded);
  });

  it("P10: a poll settles only what is SUSPENDED, an execution only what is RUNNING", () => {
    expect(settle(options({ from: "SUSPENDED" }))(seen(run(), a), now)).toEqual(discarded);
    expect(settled(seen(run(), suspended("a")), now)).toEqual(discarded);
  });
});
