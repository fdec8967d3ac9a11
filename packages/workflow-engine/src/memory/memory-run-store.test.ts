// The door over memory: all or nothing, keys, signals.
import { beforeEach, describe, expect, it } from "vitest";
import type { StoreSignal, Unit } from "../ports/store.ts";
import { createFixture, instance, type RunFixture, START, stage } from "./runs.test-fixture.ts";

const limits = { publishedBefore: 0, deadBefore: 0, keysBefore: 0, endedRunsBefore: null, max: 100 };
let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

describe("transact", () => {
  it("creates a run once", async () => {
    await fixture.create("r1");
    expect((await fixture.look("r1")).run).toMatchObject({ id: "r1", status: "PENDING", version: 1, queuedAt: START, group: 0 });
    await expect(fixture.create("r1")).rejects.toMatchObject({ code: "RUN_STATE" });
  });

  it("leaves nothing behind when a change in the middle cannot be applied (P20)", async () => {
    await fixture.start(stage("a"));
    const before = await fixture.look("r1");
    const broken = fixture.change("r1", {
      attempts: [
        { stageId: "a", item: 0, attempt: 1, executionId: "x", workerId: null, startedAt: 0, endedAt: 1, outcome: "LOST", error: null },
      ],
      stages: [
        { stageId: "a", item: 0, set: { status: "RUNNING" } },
        { stageId: "missing", item: 0, set: {} },
      ],
      run: { status: "FAILED" },
      events: [{ type: "workflow:failed", error: "no" }],
    });
    await expect(broken).rejects.toMatchObject({ code: "STAGE_NOT_FOUND" });
    expect(await fixture.look("r1")).toEqual(before);
    expect((await fixture.store.sweep({ ...limits, publishedBefore: 10 })).orphans).toEqual([]);
    expect((await fixture.store.takeEvents({ max: 10, leaseMs: 1 }))?.fresh.map((event) => event.type)).toEqual(["workflow:created"]);
  });

  it("answers a throw of the rule and changes nothing", async () => {
    await fixture.start(stage("a"));
    const unit: Unit<null> = {
      runId: "r1",
      decide: () => {
        throw new Error("rule");
      },
    };
    await expect(fixture.store.transact(unit)).rejects.toThrow("rule");
    expect((await fixture.look("r1")).run).toMatchObject({ version: 2 });
  });

  it("hands out copies", async () => {
    await fixture.start(stage("a", { lease: { instanceId: "i", workerId: "w", lockedAt: 1 } }));
    const seen = await fixture.look("r1");
    seen.stage!.lease!.instanceId = "changed";
    (seen.run as { status: string }).status = "changed";
    expect((await fixture.look("r1")).stage!.lease!.instanceId).toBe("i");
    expect((await fixture.look("r1")).run).toMatchObject({ status: "RUNNING" });
  });

  it("loads one thing after the other, and refuses a rule that never has enough", async () => {
    await fixture.start(stage("a", { status: "COMPLETED", readyAt: null }), stage("b", { number: 2 }));
    await fixture.change("r1", { stages: [{ stageId: "a", item: 0, set: {}, payloads: { output: "0" } }] });
    const needs: string[] = [];
    const outputs = await fixture.store.transact({
      runId: "r1",
      decide: (snapshot) => {
        const need = !snapshot.outputs ? "outputs" : !snapshot.stages ? "stages" : null;
        if (!need) return { result: snapshot.outputs! };
        needs.push(need);
        return { result: {}, need };
      },
    });
    expect([needs, outputs]).toEqual([["outputs", "stages"], { a: "0" }]);
    await expect(fixture.store.transact({ runId: "r1", decide: () => ({ result: null, need: "stages" }) })).rejects.toMatchObject({
      code: "STORE_REFUSED",
    });
  });

  it("ends, drops and opens in this order, and bumps the version once", async () => {
    await fixture.start(stage("a", { status: "COMPLETED", readyAt: null }), stage("b", { number: 2 }), stage("c", { group: 2 }));
    const open = [stage("d", { group: 2, number: 3 })];
    await fixture.change("r1", { endOpen: "CANCELLED", dropFrom: 2, open, run: { output: "1" } });
    const { run, stages } = await fixture.look("r1");
    expect(stages.map(({ stageId, status }) => [stageId, status])).toEqual([
      ["a", "COMPLETED"],
      ["b", "CANCELLED"],
      ["d", "PENDING"],
    ]);
    expect(run).toMatchObject({ version: 3 });
    expect(stages[1]).toMatchObject({ readyAt: null, completedAt: START });
  });

  it("deletes a run with everything", async () => {
    await fixture.start(stage("a"));
    await fixture.change("r1", { deleteRun: true });
    expect(await fixture.look("r1")).toEqual({ run: null, stage: null, stages: [] });
    expect((await fixture.store.takeEvents({ max: 10, leaseMs: 1 }))?.fresh).toEqual([]);
  });

  it("refuses everything once closed", async () => {
    await fixture.store.close();
    await expect(fixture.create("r1")).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });
});

describe("keys (P2)", () => {
  const keyed = (hash: string, mode: "once" | "hold" | "settle", owner?: string): Unit<string> => ({
    runId: "r1",
    key: {
      key: "k",
      commandType: "c",
      hash,
      mode,
      ...(owner ? { owner } : {}),
      resultOf: (r) => ({ r }),
      replay: (s) => `${(s as { r: string }).r} again`,
    },
    decide: () => ({ result: "done" }),
  });

  it("once: answers the first result again, and refuses another payload", async () => {
    expect(await fixture.store.transact(keyed("h", "once"))).toBe("done");
    expect(await fixture.store.transact(keyed("h", "once"))).toBe("done again");
    await expect(fixture.store.transact(keyed("other", "once"))).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  });

  it("hold: keeps others out until settled or expired", async () => {
    await fixture.start(stage("a"));
    const touching: Unit<string>["decide"] = () => ({ result: "done", stages: [{ stageId: "a", item: 0, set: {} }] });
    const holding = (hash: string, owner: string): Unit<string> => ({ ...keyed(hash, "hold", owner), decide: touching });
    await fixture.store.transact(keyed("h", "hold", "nobody")); // changes nothing, so holds nothing
    await fixture.store.transact(holding("h", "me"));
    await fixture.store.transact(holding("h", "me"));
    await expect(fixture.store.transact(holding("h", "you"))).rejects.toMatchObject({ code: "IDEMPOTENCY_IN_PROGRESS" });
    await expect(fixture.store.transact(holding("z", "you"))).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    fixture.now += 60_000;
    await fixture.store.transact(holding("h", "you"));
    await expect(fixture.store.transact(keyed("h", "settle", "me"))).rejects.toMatchObject({ code: "IDEMPOTENCY_IN_PROGRESS" });
    await fixture.store.transact(keyed("h", "settle", "you")); // settles nothing, so the key stays held
    await expect(fixture.store.transact(holding("h", "me"))).rejects.toMatchObject({ code: "IDEMPOTENCY_IN_PROGRESS" });
    expect(await fixture.store.transact({ ...keyed("h", "settle", "you"), decide: touching })).toBe("done");
    expect(await fixture.store.transact(holding("h", "me"))).toBe("done again");
  });

  it("leaves no key when the unit fails", async () => {
    const unit: Unit<string> = { ...keyed("h", "once"), decide: () => ({ result: "x", stages: [{ stageId: "no", item: 0, set: {} }] }) };
    await expect(fixture.store.transact(unit)).rejects.toMatchObject({ code: "STAGE_NOT_FOUND" });
    expect(await fixture.store.transact(keyed("h", "once"))).toBe("done");
  });
});

describe("signals (P16)", () => {
  it("warns who may have lost an execution, and nobody when its own end is written", async () => {
    const lost: boolean[] = [];
    await fixture.start(stage("a"), stage("b"));
    await fixture.store.takeJobs({ instance, max: 2, workflowIds: ["w"] });
    fixture.store.onSignal(({ mayHaveLost }) => lost.push(mayHaveLost));
    const events = [{ type: "workflow:started" as const }];
    await fixture.change("r1", { events, stages: [{ stageId: "a", item: 0, set: { status: "COMPLETED", lease: null } }] });
    await fixture.change("r1", {
      events,
      stages: [{ stageId: "b", item: 0, set: { status: "PENDING", lease: null, executionId: "new" } }],
    });
    expect(lost).toEqual([false, true]);
  });

  it("tells what a commit means", async () => {
    const signals: StoreSignal[] = [];
    const stop = fixture.store.onSignal((signal) => signals.push(signal));
    await fixture.create("r1", { startAt: START + 7 });
    await fixture.change("r1", { run: { status: "RUNNING", queuedAt: null }, open: [stage("a")] });
    await fixture.store.takeJobs({ instance, max: 1, workflowIds: ["w"] });
    await fixture.change("r1", { endOpen: "CANCELLED", run: { status: "CANCELLED" } });
    stop();
    await fixture.create("r2");
    expect(signals).toEqual([
      { hasWork: false, hasEvents: true, mayHaveLost: false, wakeAt: START + 7, ended: [] },
      { hasWork: true, hasEvents: false, mayHaveLost: false, wakeAt: null, ended: [] },
      { hasWork: false, hasEvents: true, mayHaveLost: false, wakeAt: null, ended: [] },
      { hasWork: false, hasEvents: false, mayHaveLost: true, wakeAt: null, ended: ["r1"] },
    ]);
  });
});
