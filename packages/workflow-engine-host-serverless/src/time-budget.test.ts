// P15: a function that is about to be frozen takes no more jobs and hands back what it holds, so that another goes on at once.
import { describe, expect, it } from "vitest";
import { openPlatform, polled, step, workflowOf } from "./platform.test-fixture.ts";

const never = new Promise<never>(() => undefined);

describe("a time budget", () => {
  it("a message that comes too late for it is not begun", async () => {
    const { create, sent, host, environment, stageOf } = openPlatform(workflowOf(step("a", () => 1)));
    const runId = await create();
    const late = { outcome: "failed", error: "Not begun: the time budget is over", retryable: true, retryAfterMs: 0 };
    expect(await host.handleJob(sent[0]!, { deadline: environment.now() })).toEqual(late);
    expect(await host.handleJob(sent[0]!, { budgetMs: 0 })).toEqual(late);
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", attempt: 0 });
    await expect(host.handleJob(sent[0]!, { deadline: Number.NaN })).rejects.toThrow("deadline must be");
  });

  it("P15: what outlasts it is handed back with its attempt, a second before; the redelivery starts at once", async () => {
    const signals: AbortSignal[] = [];
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const stage = step("a", ({ signal }) => (signals.push(signal) === 1 ? promise : "second"));
    const { create, sent, host, environment, stageOf, store, startProcess } = openPlatform(workflowOf(stage));
    const runId = await create();
    const handled = host.handleJob(sent[0]!, { deadline: new Date(environment.now() + 30_000) });
    await environment.advance(28_999);
    expect(signals[0]?.aborted).toBe(false);
    await environment.advance(1);
    expect(await handled).toMatchObject({ outcome: "failed", error: /^Handed back/, retryable: true });
    expect(signals[0]?.aborted).toBe(true);
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", attempt: 0, nextPollAt: null });
    expect(await startProcess().host.handleJob(sent[0]!)).toEqual({ outcome: "completed" });
    resolve("too late");
    await environment.advance(1_000);
    expect(await store.persistence.getRun(runId)).toMatchObject({ output: "second" });
    expect(environment.timers()).toEqual([]);
  });

  it("P15: jobs of the store: takes no more, hands back what it holds, and another takes it at once", async () => {
    let executions = 0;
    const stage = step("a", () => ((executions += 1) === 1 ? never : "second"));
    const { create, host, environment, stageOf, startProcess } = openPlatform(workflowOf(stage), "store");
    const runIds = [await create(), await create()];
    const processed = host.processAvailableJobs({ maxJobs: 1, budgetMs: 5_000 });
    await environment.advance(4_500);
    expect(await processed).toEqual({ processed: 1, succeeded: 0, failed: 1 });
    expect(await stageOf(runIds[0]!, "a")).toMatchObject({ status: "PENDING", attempt: 0 });
    expect(await startProcess().host.processAvailableJobs({ budgetMs: 0 })).toEqual({ processed: 0, succeeded: 0, failed: 0 });
    expect(await startProcess().host.processAvailableJobs()).toEqual({ processed: 2, succeeded: 2, failed: 0 });
  });

  it("P10: a look that outlasts it is given up, and its stage looked at again", async () => {
    let looks = 0;
    const stage = polled("a", () => ((looks += 1) === 1 ? never : Promise.resolve({ ready: true, output: 7 })));
    const { create, deliverAll, host, environment, store } = openPlatform(workflowOf(stage));
    const runId = await create();
    await deliverAll();
    await environment.advance(1_000);
    const tick = host.runMaintenanceTick({ budgetMs: 3_000 });
    await environment.advance(3_000);
    expect(await tick).toMatchObject({ suspendedChecked: 1 });
    await environment.advance(61_000);
    await host.runMaintenanceTick();
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: 7 });
  });
});
