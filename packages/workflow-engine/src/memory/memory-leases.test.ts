// Who holds what, who is gone, and which runs nobody moves.
import { beforeEach, describe, expect, it } from "vitest";
import { createFixture, instance, type RunFixture, START, stage } from "./runs.test-fixture.ts";

let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

describe("leases (P13, P14)", () => {
  const ref = { runId: "r1", stageId: "a", item: 0, executionId: "x-a" };

  it("calls stale what nobody was heard of, and at once what a forgotten instance holds", async () => {
    await fixture.start(stage("a"));
    await fixture.store.takeJobs({ instance, max: 1, workflowIds: ["w"] });
    expect(await fixture.store.listLeased(instance)).toEqual([ref]);
    fixture.now += 61;
    await fixture.store.heartbeat(instance);
    fixture.now += 60;
    expect(await fixture.store.listStale(60, 10)).toEqual([]);
    fixture.now += 1;
    expect(await fixture.store.listStale(60, 10)).toEqual([ref]);
    await fixture.store.heartbeat(instance);
    expect(await fixture.store.listStale(60, 10)).toEqual([]);
    await fixture.store.forget(instance);
    expect(await fixture.store.listStale(60, 10)).toEqual([ref]);
    await fixture.store.heartbeat(instance);
    expect(await fixture.store.listStale(60, 10)).toEqual([]);
  });

  it("calls stale what a forgotten instance leased just now", async () => {
    await fixture.start(stage("a"));
    await fixture.store.takeJobs({ instance, max: 1, workflowIds: ["w"] });
    expect(await fixture.store.listStale(60, 10)).toEqual([]);
    await fixture.store.forget(instance);
    expect(await fixture.store.listStale(60, 10)).toEqual([ref]);
  });

  it("says what is lost", async () => {
    await fixture.start(stage("a"));
    await fixture.store.takeJobs({ instance, max: 1, workflowIds: ["w"] });
    const other = { ...ref, executionId: "old" };
    const missing = { ...ref, stageId: "missing" };
    expect(await fixture.store.listLost([ref, other, missing])).toEqual([other, missing]);
    await fixture.change("r1", { run: { status: "CANCELLED" } });
    expect(await fixture.store.listLost([ref])).toEqual([ref]);
  });

  it("finds runs that nobody moves on (P17)", async () => {
    await fixture.start();
    await fixture.change("r1", { run: { transitionAt: START + 5 } });
    expect(await fixture.store.listStranded(START + 4, 10)).toEqual([]);
    expect(await fixture.store.listStranded(START + 5, 10)).toEqual(["r1"]);
    await fixture.change("r1", { run: { transitionAt: null } });
    expect(await fixture.store.listStranded(START, 10)).toEqual(["r1"]);
  });
});
