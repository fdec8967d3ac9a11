// The queue's view of stage rows: leases without a start, job ids that carry their execution, nothing done twice.
import { beforeEach, describe, expect, it } from "vitest";
import { createFixture, type RunFixture, START, stage } from "./runs.test-fixture.ts";

let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

const input = { workflowRunId: "r1", workflowId: "w", stageId: "a" };

describe("the transport of a memory store", () => {
  it("queues a PENDING stage under the id of its execution, once", async () => {
    const { jobTransport } = fixture.whole;
    await fixture.start(stage("a", { readyAt: null }));
    expect(await jobTransport.dequeue()).toBeNull();
    const id = await jobTransport.enqueue({ ...input, jobId: "r1/a/0/x-a", scheduledFor: new Date(START + 5) });
    expect(id).toBe("r1/a/0/x-a");
    expect(await jobTransport.enqueue({ ...input, jobId: id })).toBe(id);
    expect(await jobTransport.enqueue({ ...input, jobId: "r1/a/0/old" })).toBe("r1/a/0/old");
    expect((await fixture.look("r1")).stage).toMatchObject({ readyAt: START + 5 });
    expect(await jobTransport.dequeue()).toBeNull();
    fixture.now += 5;
    expect(await jobTransport.dequeue()).toMatchObject({ jobId: id, attempt: 1, payload: { config: {}, executionId: "x-a" } });
    expect(await jobTransport.enqueue(input)).toBe(id);
    expect(await jobTransport.dequeue()).toBeNull();
    expect((await fixture.look("r1")).stage).toMatchObject({ status: "PENDING", attempt: 1, readyAt: null });
  });

  it("says what is missing", async () => {
    await expect(fixture.whole.jobTransport.enqueue(input)).rejects.toThrow("WorkflowRun r1 not found");
    await fixture.start();
    await expect(fixture.whole.jobTransport.enqueue(input)).rejects.toThrow("Stage a of run r1 not found");
  });

  it("puts back under a new execution what it leased and nobody started", async () => {
    const { jobTransport } = fixture.whole;
    await fixture.start(stage("a"));
    const first = (await jobTransport.dequeue())!;
    await jobTransport.fail(first.jobId, "no", true, { attempt: 9 });
    expect((await fixture.look("r1")).stage!.lease).not.toBeNull();
    await jobTransport.fail(first.jobId, "no", true, { attempt: 1 });
    expect((await fixture.look("r1")).stage).toMatchObject({ status: "PENDING", readyAt: START + 1000, lease: null, waitReason: "retry" });
    fixture.now += 1000;
    const second = (await jobTransport.dequeue())!;
    expect(second.jobId).not.toBe(first.jobId);
    await jobTransport.complete(first.jobId);
    expect((await fixture.look("r1")).stage!.lease).not.toBeNull();
  });

  it("leaves to the engine what the engine started", async () => {
    const { jobTransport } = fixture.whole;
    await fixture.start(stage("a"));
    const { jobId } = (await jobTransport.dequeue())!;
    await fixture.change("r1", { stages: [{ stageId: "a", item: 0, set: { status: "RUNNING" } }] });
    const before = await fixture.look("r1");
    await jobTransport.fail(jobId, "no");
    await jobTransport.suspend(jobId, new Date(0));
    await jobTransport.complete(jobId);
    fixture.now += 100_000;
    expect(await jobTransport.releaseStaleJobs()).toBe(0);
    expect(await fixture.look("r1")).toEqual(before);
    await jobTransport.heartbeat!(jobId);
    expect((await fixture.look("r1")).stage!.lease!.lockedAt).toBe(fixture.now);
  });

  it("releases stale leases, and fails the stage when the attempts are used up", async () => {
    const { jobTransport } = fixture.whole;
    await fixture.start(stage("a", { maxAttempts: 2 }));
    for (const released of [1, 0]) {
      await jobTransport.dequeue();
      fixture.now += 60_001;
      expect(await jobTransport.releaseStaleJobs()).toBe(released);
    }
    const { run, stage: failed } = await fixture.look("r1");
    expect(failed).toMatchObject({ status: "FAILED", error: "worker lost", completedAt: fixture.now });
    expect(run).toMatchObject({ open: 0, transitionAt: fixture.now });
  });

  it("forgets the queued jobs of a run", async () => {
    const { jobTransport } = fixture.whole;
    await fixture.start(stage("a"), stage("b"));
    expect(await jobTransport.cancelByRun!("r1")).toBe(2);
    expect(await jobTransport.dequeue()).toBeNull();
  });
});
