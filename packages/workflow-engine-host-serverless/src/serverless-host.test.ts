// processAvailableJobs and runMaintenanceTick: what the node host's loops do, in single calls (P14 to P18).
import { describe, expect, it, vi } from "vitest";
import { openPlatform, polled, step, workflowOf } from "./platform.test-fixture.ts";

const nothing = { processed: 0, succeeded: 0, failed: 0 };

describe("processAvailableJobs", () => {
  it("P15: executes what waits, and what that opens, up to maxJobs", async () => {
    const { create, host, store } = openPlatform(
      workflowOf(
        step("a", () => 1),
        [step("b", () => 2), step("c", () => 3)],
      ),
      "store",
    );
    const runIds = [await create(), await create()];
    expect(await host.processAvailableJobs({ maxJobs: 0 })).toEqual(nothing);
    expect(await host.processAvailableJobs({ maxJobs: 1 })).toEqual({ processed: 1, succeeded: 1, failed: 0 });
    expect(await host.processAvailableJobs({ maxJobs: 4 })).toEqual({ processed: 4, succeeded: 4, failed: 0 });
    expect(await host.processAvailableJobs()).toEqual({ processed: 1, succeeded: 1, failed: 0 });
    expect(await host.processAvailableJobs()).toEqual(nothing);
    for (const runId of runIds) expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
  });

  it("P5: the engine retries: a failed job comes back when its backoff is over, and nobody waits for that", async () => {
    const stage = step("a", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : "done"));
    const { create, host, environment, store } = openPlatform(workflowOf(stage), "store");
    const runId = await create();
    expect(await host.processAvailableJobs()).toEqual({ processed: 1, succeeded: 0, failed: 1 });
    expect(await host.processAvailableJobs()).toEqual(nothing);
    await environment.advance(2_000);
    expect(await host.processAvailableJobs()).toEqual({ processed: 1, succeeded: 1, failed: 0 });
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: "done" });
  });

  it("starts pending runs by itself, and publishes what it told", async () => {
    const { kernel, host, eventsOf } = openPlatform(workflowOf(step("a", () => 1)), "store");
    const { workflowRunId } = await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} });
    expect(await host.processAvailableJobs()).toEqual({ processed: 1, succeeded: 1, failed: 0 });
    expect(eventsOf(workflowRunId).at(-1)).toMatchObject({ type: "workflow:completed" });
  });

  it("a store out of reach is the caller's to know", async () => {
    const { host, store, errors } = openPlatform(workflowOf(step("a", () => 1)), "store");
    vi.spyOn(store.runStore, "takeJobs").mockRejectedValue(new Error("down"));
    await expect(host.processAvailableJobs()).rejects.toThrow("down");
    expect(errors).toHaveLength(1);
  });

  it("P15: a slow stage beside quick ones: concurrency bounds what runs, and every job is counted", async () => {
    let running = 0;
    let most = 0;
    const stage = step("a", async () => {
      most = Math.max(most, (running += 1));
      await Promise.resolve();
      running -= 1;
    });
    const { create, startProcess } = openPlatform(workflowOf(stage), "store");
    for (let i = 0; i < 20; i++) await create();
    const { host } = startProcess({ concurrency: 3 });
    expect(await host.processAvailableJobs({ maxJobs: 50 })).toEqual({ processed: 20, succeeded: 20, failed: 0 });
    expect(most).toBe(3);
  });
});

describe("runMaintenanceTick", () => {
  it("claims, polls, reaps and publishes, and says how much", async () => {
    const workflow = workflowOf(
      polled("a", async () => ({ ready: true, output: 1 })),
      step("b", ({ input }) => input),
    );
    const { kernel, host, environment, deliverAll, store, eventsOf } = openPlatform(workflow);
    const idle = { claimed: 0, suspendedChecked: 0, staleReleased: 0, eventsFlushed: 0 };
    expect(await host.runMaintenanceTick()).toEqual(idle);
    const { workflowRunId } = await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} });
    expect(await host.runMaintenanceTick()).toEqual({ ...idle, claimed: 1, eventsFlushed: 2 });
    await deliverAll();
    await environment.advance(1_000);
    expect(await host.runMaintenanceTick()).toMatchObject({ suspendedChecked: 1 });
    await deliverAll(); // the look moved the run on in its own commit
    await host.runMaintenanceTick();
    expect(await store.persistence.getRun(workflowRunId)).toMatchObject({ status: "COMPLETED", output: 1 });
    expect(eventsOf(workflowRunId).map(({ type }) => type)).toEqual([
      "workflow:created",
      "workflow:started",
      ...["stage:started", "stage:suspended", "workflow:suspended", "stage:completed"],
      ...["stage:started", "stage:completed", "workflow:completed"],
    ]);
  });

  it("P14: releases the leases of functions that died", async () => {
    const { create, startProcess, host, environment, stageOf } = openPlatform(
      workflowOf(step("a", () => new Promise(() => undefined))),
      "store",
    );
    const runId = await create();
    void startProcess({}, 1e9).host.processAvailableJobs();
    await environment.advance(61_000);
    expect(await host.runMaintenanceTick()).toMatchObject({ staleReleased: 1 });
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", attempt: 1 });
  });

  it("bounds: maxClaimsPerTick, maxSuspendedChecksPerTick", async () => {
    const { kernel, startProcess, deliverAll, environment } = openPlatform(workflowOf(polled("a", async () => ({ ready: false }))));
    for (let i = 0; i < 5; i++) await kernel.dispatch({ type: "run.create", idempotencyKey: `${i}`, workflowId: "w", input: {} });
    const { host } = startProcess({ maxClaimsPerTick: 2, maxSuspendedChecksPerTick: 3 });
    expect([await host.runMaintenanceTick(), await host.runMaintenanceTick(), await host.runMaintenanceTick()]).toMatchObject([
      { claimed: 2 },
      { claimed: 2 },
      { claimed: 1 },
    ]);
    await deliverAll();
    await environment.advance(1_000);
    expect(await host.runMaintenanceTick()).toMatchObject({ suspendedChecked: 3 });
  });

  it("one part that fails keeps no other from running; the platform sees that the tick failed", async () => {
    const { create, store, host, eventsOf, errors } = openPlatform(workflowOf(step("a", () => 1)), "store");
    const runId = await create();
    const broken = vi.spyOn(store.runStore, "listStale").mockRejectedValue(new Error("down"));
    await store.persistence.appendOutboxEvents([]);
    await expect(host.runMaintenanceTick()).rejects.toThrow("down");
    broken.mockRestore();
    expect(eventsOf(runId).map(({ type }) => type)).toEqual(["workflow:created", "workflow:started"]);
    expect(errors).toHaveLength(1);
  });

  it("begins nothing once its budget is over", async () => {
    const { kernel, host } = openPlatform(workflowOf(step("a", () => 1)));
    await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} });
    expect(await host.runMaintenanceTick({ budgetMs: 0 })).toEqual({ claimed: 0, suspendedChecked: 0, staleReleased: 0, eventsFlushed: 0 });
    expect(await host.runMaintenanceTick()).toMatchObject({ claimed: 1 });
  });
});
