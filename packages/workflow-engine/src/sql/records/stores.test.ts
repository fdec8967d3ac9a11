// What else a store is: blobs by prefix, model calls that wait for nobody and are lost by nobody, wake-ups, the queue's view.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../../kernel/testing/fake-environment.ts";
import { call, change, openFolder, openStore, run, stage } from "./store.test-fixture.ts";

describe("blobs", () => {
  it("are found by whatever their keys begin with, in order", async () => {
    const { blobStore } = openStore();
    const keys = ["", "a", "a/b", "a/b%", "a/b_c", "a/bé", "a/b\u{1f600}", "a0", "A", "a/c"];
    for (const key of keys) await blobStore.put(key, key);
    expect(await blobStore.list("a/b")).toEqual(["a/b", "a/b%", "a/b_c", "a/bé", "a/b\u{1f600}"]);
    expect(await blobStore.list("a/b_")).toEqual(["a/b_c"]);
    expect(await blobStore.list("")).toHaveLength(keys.length);
    expect(await blobStore.get("a/b\u{1f600}")).toBe("a/b\u{1f600}");
  });
});

describe("model calls", () => {
  it("are written before anything reads them, by whole segments of their topic", async () => {
    const { aiCallLogger } = openStore();
    for (const topic of ["w.1", "w.1.stage.a", "w.10", "w.1-b", "w"]) aiCallLogger.logCall(call(topic));
    expect(await aiCallLogger.getStats("w.1")).toEqual({
      totalCalls: 2,
      totalInputTokens: 4,
      totalOutputTokens: 6,
      totalCost: 1,
      perModel: { m: { calls: 2, inputTokens: 4, outputTokens: 6, cost: 1 } },
    });
    expect((await aiCallLogger.getStats("")).totalCalls).toBe(5);
  });

  it("are written without anybody asking, and before the store closes", async () => {
    const open = openFolder();
    const writer = open();
    await writer.migrate();
    writer.aiCallLogger.logCall(call("t"));
    const reader = open();
    await expect.poll(async () => (await reader.aiCallLogger.getStats("t")).totalCalls).toBe(1);
    for (let i = 0; i < 20; i++) writer.aiCallLogger.logCall(call("t"));
    await writer.close();
    expect((await reader.aiCallLogger.getStats("t")).totalCalls).toBe(21);
    writer.aiCallLogger.logCall(call("t"));
    await expect(writer.aiCallLogger.getStats("t")).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });

  it("of a batch count once, whoever brings them", async () => {
    const open = openFolder();
    const stores = [open(), open()];
    await Promise.all(stores.map(({ aiCallLogger }) => aiCallLogger.logBatchResults("b", [call("t"), call("t")])));
    for (const { aiCallLogger } of stores) {
      expect([
        (await aiCallLogger.getStats("t")).totalCalls,
        await aiCallLogger.isRecorded("b"),
        await aiCallLogger.isRecorded("c"),
      ]).toEqual([2, true, false]);
    }
  });
});

describe("wake-ups", () => {
  it("are one a command and correlation, due once, and cancelled by any name they carry", async () => {
    const { scheduler, environment } = openStore();
    const at = (ms: number): Date => new Date(environment.now() + ms);
    await scheduler.schedule("stage.pollSuspended", { workflowRunId: "r1" }, at(9));
    await scheduler.schedule("stage.pollSuspended", { workflowRunId: "r1" }, at(5));
    await scheduler.schedule("stage.pollSuspended", { correlationId: "c", workflowRunId: "r2" }, at(1));
    await scheduler.schedule("other", {}, at(3));
    await scheduler.cancel("stage.pollSuspended", "r2");
    await scheduler.cancel("other", "r1");
    expect(await scheduler.takeDue(at(5))).toEqual([
      { commandType: "other", payload: {}, runAt: at(3) },
      { commandType: "stage.pollSuspended", payload: { workflowRunId: "r1" }, runAt: at(5) },
    ]);
    expect(await scheduler.takeDue(at(99))).toEqual([]);
  });

  it("that nobody took go after a day", async () => {
    const environment = createFakeEnvironment();
    const { scheduler } = openStore(environment);
    const start = environment.now();
    await scheduler.schedule("a", 1, new Date(start));
    await environment.advance(2 * 24 * 60 * 60_000);
    await scheduler.schedule("b", 2, new Date(start));
    expect(await scheduler.takeDue(new Date(environment.now()))).toEqual([]);
    await scheduler.schedule("c", 3, new Date(environment.now()));
    expect(await scheduler.takeDue(new Date(environment.now()))).toMatchObject([{ commandType: "c", payload: 3 }]);
  });
});

describe("the queue's view", () => {
  it("says what is missing, and queues a stage under the id of its execution, once", async () => {
    const environment = createFakeEnvironment();
    const store = openStore(environment);
    const { jobTransport, persistence } = store;
    const input = { workflowRunId: "r1", workflowId: "w", stageId: "a" };
    await expect(jobTransport.enqueue(input)).rejects.toThrow("WorkflowRun r1 not found");
    await persistence.createRun({ ...run, status: "RUNNING", config: { a: 1 } });
    await expect(jobTransport.enqueue(input)).rejects.toThrow("Stage a of run r1 not found");
    await persistence.createStage(stage("a"));
    expect(await jobTransport.dequeue()).toBeNull();
    const { version } = (await change(store, "r1"))!;
    const id = await jobTransport.enqueue({ ...input, scheduledFor: new Date(environment.now() + 5) });
    expect((await change(store, "r1"))!.version).toBe(version + 1);
    expect(await jobTransport.enqueue({ ...input, jobId: id })).toBe(id);
    expect(await jobTransport.enqueue({ ...input, jobId: "r1/a/0/old" })).toBe("r1/a/0/old");
    expect(await jobTransport.dequeue()).toBeNull();
    await environment.advance(5);
    expect(await jobTransport.dequeue()).toMatchObject({ jobId: id, attempt: 1, maxAttempts: 3, payload: { config: { a: 1 } } });
    expect(await jobTransport.enqueue(input)).toBe(id);
    expect(await jobTransport.dequeue()).toBeNull();
  });

  it("fails a stage whose workers were lost each time, with its event, and counts it", async () => {
    const environment = createFakeEnvironment();
    const store = openStore(environment);
    const { jobTransport, persistence } = store;
    await persistence.createRun({ ...run, status: "RUNNING" });
    await persistence.createStage(stage("a"));
    await jobTransport.enqueue({ workflowRunId: "r1", workflowId: "w", stageId: "a", maxAttempts: 2 });
    const ids: string[] = [];
    for (const released of [1, 0]) {
      ids.push((await jobTransport.dequeue())!.jobId);
      await environment.advance(60_001);
      expect(await jobTransport.releaseStaleJobs()).toBe(released);
    }
    expect(ids[0]).not.toBe(ids[1]);
    expect(await persistence.getStage("r1", "a")).toMatchObject({ status: "FAILED", errorMessage: "worker lost", attempt: 2 });
    expect(await change(store, "r1")).toMatchObject({ open: 0, transitionAt: environment.now() });
    expect(await persistence.getUnpublishedOutboxEvents()).toMatchObject([{ eventType: "stage:failed", sequence: 1 }]);
  });

  it("leaves to the engine what the engine started", async () => {
    const environment = createFakeEnvironment();
    const store = openStore(environment);
    const { jobTransport, persistence, reader } = store;
    await persistence.createRun({ ...run, status: "RUNNING" });
    await persistence.createStage(stage("a"));
    await jobTransport.enqueue({ workflowRunId: "r1", workflowId: "w", stageId: "a" });
    const { jobId } = (await jobTransport.dequeue())!;
    await change(store, "r1", { stages: [{ stageId: "a", item: 0, set: { status: "RUNNING", startedAt: environment.now() } }] });
    const before = await reader.getRunDetail("r1");
    await jobTransport.fail(jobId, "no");
    await jobTransport.suspend(jobId, new Date(0));
    await jobTransport.complete(jobId);
    await jobTransport.complete("nonsense");
    await environment.advance(100_000);
    expect(await jobTransport.releaseStaleJobs()).toBe(0);
    expect(await reader.getRunDetail("r1")).toEqual(before);
    await jobTransport.heartbeat(jobId);
    expect(await reader.listAttempts("r1")).toMatchObject([
      { stageId: "a", status: "RUNNING", workerId: "sql-transport", startedAt: new Date(environment.now()), endedAt: null },
    ]);
    expect(await reader.listAttempts("r1", "b")).toEqual([]);
  });
});
