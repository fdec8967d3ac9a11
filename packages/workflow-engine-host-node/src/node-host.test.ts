// P15: a host drains, hands back what it cannot wait for, and leaves nothing running.
import { hostname } from "node:os";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openHost, polled, step, workflowOf } from "./host.test-fixture.ts";

const never = new Promise<never>(() => undefined);
const listeners = () => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT");

/** A stage that runs until it is opened, and what it saw. */
function gated() {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const seen = { executions: 0, signal: undefined as AbortSignal | undefined };
  const workflow = workflowOf(
    step("a", (ctx) => {
      seen.executions++;
      seen.signal = ctx.signal;
      return promise;
    }),
  );
  return { workflow, seen, open: resolve };
}

afterEach(() => void vi.restoreAllMocks());

describe("createNodeHost", () => {
  it("calls a worker that has no name by its process and machine, and refuses an empty one", () => {
    const named = (workerId?: string) => openHost(workflowOf(step("a", () => 1)), { workerId }).host.getStats().workerId;
    expect(named()).toBe(`worker-${process.pid}-${hostname()}`);
    expect(named("w2")).toBe("w2");
    expect(() => named("")).toThrow("workerId is missing");
  });

  it("P15: executes what is created, and counts it", async () => {
    const { host, create, environment, store } = openHost(
      workflowOf(
        step("a", () => 1),
        step("b", () => 2),
      ),
    );
    expect(host.getStats()).toEqual({ workerId: "w1", jobsProcessed: 0, orchestrationTicks: 0, isRunning: false, uptimeMs: 0 });
    await host.start();
    await host.start(); // changes nothing
    const runId = await create();
    await environment.advance(15_000);
    expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
    expect(host.getStats()).toEqual({ workerId: "w1", jobsProcessed: 2, orchestrationTicks: 2, isRunning: true, uptimeMs: 15_000 });
    await host.stop();
    expect(host.getStats()).toMatchObject({ jobsProcessed: 2, orchestrationTicks: 2, isRunning: false, uptimeMs: 0 });
  });

  it("P15: stop waits for what runs, takes nothing new, and leaves no timer", async () => {
    const { workflow, open } = gated();
    const { host, create, environment, store } = openHost(workflow);
    await host.start();
    const runId = await create();
    await environment.advance(0);
    const stopped = host.stop();
    const late = await create();
    open("done");
    await stopped;
    expect([await store.persistence.getRunStatus(runId), await store.persistence.getRunStatus(late)]).toEqual(["COMPLETED", "PENDING"]);
    await environment.advance(500); // the watch over executions sees that none is left
    expect(environment.timers()).toEqual([]);
  });

  it("P15: jobs that wait for a place are handed back at once, with their attempts", async () => {
    const { workflow, open, seen } = gated();
    const { host, create, environment, stageOf, kernel } = openHost(workflow, { concurrency: 1 });
    const runIds = [await create(), await create()];
    await kernel.dispatch({ type: "run.claimPending", workerId: "other" });
    const session = kernel.work.openSession({ workerId: "w1" });
    vi.spyOn(kernel.work, "openSession").mockReturnValue({ ...session, take: () => session.take(2) });
    await host.start();
    await environment.advance(0);
    const stopped = host.stop();
    await environment.settle();
    const statuses = await Promise.all(runIds.map(async (id) => (await stageOf(id, "a"))?.status));
    expect([statuses.toSorted(), seen.executions]).toEqual([["PENDING", "RUNNING"], 1]);
    open(1);
    await stopped;
    expect((await session.take(1))[0]).toMatchObject({ attempt: 1 });
  });

  it("P13, P15: what outlasts shutdownTimeoutMs is handed back and aborted, and its late result discarded", async () => {
    const { workflow, open, seen } = gated();
    const { host, create, environment, stageOf, errors } = openHost(workflow, { shutdownTimeoutMs: 5_000 });
    await host.start();
    const runId = await create();
    await environment.advance(0);
    let isStopped = false;
    const stopped = host.stop().then(() => (isStopped = true));
    await environment.advance(4_999);
    expect([isStopped, seen.signal?.aborted]).toEqual([false, false]);
    await environment.advance(1);
    await stopped;
    expect(seen.signal?.reason).toMatchObject({ message: "The host is stopping and shutdownTimeoutMs (5000 ms) is over" });
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", outputData: null });
    open("too late");
    await environment.advance(1_000);
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", outputData: null });
    expect([environment.timers(), errors]).toEqual([[], []]);
    await host.start();
    await environment.advance(0);
    expect(await stageOf(runId, "a")).toMatchObject({ status: "COMPLETED", outputData: "too late" });
    await host.stop();
  });

  it("P15: a look at a suspended stage that never answers does not keep it from stopping", async () => {
    const { host, create, environment, stageOf } = openHost(workflowOf(polled("a", () => never)), { shutdownTimeoutMs: 5_000 });
    await host.start();
    const runId = await create();
    await environment.advance(1_500);
    const stopped = host.stop();
    await environment.advance(5_000);
    await stopped;
    expect(await stageOf(runId, "a")).toMatchObject({ status: "SUSPENDED" });
    await environment.advance(60_000);
    expect(environment.timers()).toEqual([]);
  });

  it("P15: a look that is under way is waited for", async () => {
    const { promise, resolve } = Promise.withResolvers<{ ready: boolean; output: unknown }>();
    const { host, create, environment, store } = openHost(workflowOf(polled("a", () => promise)));
    await host.start();
    const runId = await create();
    await environment.advance(1_500);
    const stopped = host.stop();
    resolve({ ready: true, output: 7 });
    await stopped;
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: 7 });
  });

  it("P14: a store out of reach keeps no process from ending", async () => {
    const { workflow } = gated();
    const { host, create, environment, store, errors } = openHost(workflow, { shutdownTimeoutMs: 5_000 });
    await host.start();
    await create();
    await environment.advance(0);
    for (const method of ["transact", "takeEvents", "listStale", "takeJobs"] as const) {
      vi.spyOn(store.runStore, method).mockRejectedValue(new Error("down"));
    }
    const stopped = host.stop();
    await environment.advance(5_000);
    await stopped;
    expect(host.getStats().isRunning).toBe(false);
    expect(errors).not.toEqual([]);
    await environment.advance(60_000);
    expect(environment.timers()).toEqual([]);
  });

  it("stop may be called twice, at once or later, and before a start", async () => {
    const { host } = openHost(workflowOf(step("a", () => 1)));
    await host.stop();
    await host.start();
    const [first, second] = [host.stop(), host.stop()];
    expect(second).toBe(first);
    await Promise.all([first, second]);
    await host.stop();
    expect(host.getStats().isRunning).toBe(false);
  });

  it("a start while it stops begins once it has stopped", async () => {
    const { host, create, environment, store } = openHost(workflowOf(step("a", () => 1)));
    await host.start();
    const stopped = host.stop();
    await Promise.all([stopped, host.start()]);
    expect(host.getStats().isRunning).toBe(true);
    const runId = await create();
    await environment.advance(0);
    expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
    await host.stop();
  });

  it("P15: SIGTERM and SIGINT stop it; without handleSignals, and once stopped, it listens to none", async () => {
    const before = listeners();
    const deaf = openHost(workflowOf(step("a", () => 1)));
    await deaf.host.start();
    expect(listeners()).toBe(before);
    await deaf.host.stop();
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { host } = openHost(workflowOf(step("a", () => 1)), { handleSignals: true });
      const known = new Set(process.listeners(signal));
      await host.start();
      const own = process.listeners(signal).filter((listener) => !known.has(listener));
      expect(own).toHaveLength(1);
      own[0]?.(signal); // as the process would, but the test runner's own listeners hear nothing
      expect(listeners()).toBe(before); // a second signal ends the process at once
      await host.stop();
      expect(host.getStats().isRunning).toBe(false);
    }
  });

  it("P16: a store that signals nothing is asked every jobPollIntervalMs, until it stops", async () => {
    const { host, kernel, environment } = openHost(workflowOf(step("a", () => 1)), { jobPollIntervalMs: 700 });
    const session = kernel.work.openSession({ workerId: "w1" });
    const take = vi.fn(session.take);
    vi.spyOn(kernel.work, "openSession").mockReturnValue({ ...session, isSignalled: false, take });
    await host.start();
    await environment.advance(0);
    const asked = take.mock.calls.length;
    await environment.advance(7_000);
    expect(take.mock.calls.length - asked).toBe(10);
    await host.stop();
    const atStop = take.mock.calls.length;
    await environment.advance(60_000);
    expect([take.mock.calls.length, environment.timers()]).toEqual([atStop, []]);
  });
});
