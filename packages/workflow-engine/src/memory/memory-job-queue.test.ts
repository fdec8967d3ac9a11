// The queue of its own: order, delays, fences, backoff, crashes.
import { beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../kernel/testing/fake-clock.ts";
import type { EnqueueJobInput } from "../ports/job.ts";
import { backoffMs } from "../store/job-backoff.ts";
import { InMemoryJobQueue } from "./memory-job-queue.ts";

let clock: FakeClock;
let queue: InMemoryJobQueue;
beforeEach(() => {
  clock = new FakeClock();
  queue = new InMemoryJobQueue("me", { clock });
});

const job = (stageId: string, fields: Partial<EnqueueJobInput> = {}): EnqueueJobInput => ({
  workflowRunId: "r1",
  workflowId: "w",
  stageId,
  ...fields,
});

describe("InMemoryJobQueue", () => {
  it("hands out the most urgent job first, then the oldest, each to one worker", async () => {
    await queue.enqueue(job("old"));
    clock.advance(1);
    await queue.enqueueParallel([job("new"), job("urgent", { priority: 9 })]);
    const taken = await queue.dequeueMany(5);
    expect(taken.map(({ stageId, attempt, maxAttempts }) => [stageId, attempt, maxAttempts])).toEqual([
      ["urgent", 1, 3],
      ["old", 1, 3],
      ["new", 1, 3],
    ]);
    expect(await queue.dequeue()).toBeNull();
    expect(queue.getJob(taken[0]!.jobId)).toMatchObject({ status: "RUNNING", workerId: "me", lockedAt: clock.now() });
    expect(queue.getWorkerId()).toBe("me");
  });

  it("ignores a job id it has, and keeps a job until its time", async () => {
    const id = await queue.enqueue(job("a", { jobId: "j", scheduledFor: new Date(clock.now().getTime() + 5) }));
    expect([id, await queue.enqueue(job("b", { jobId: "j" }))]).toEqual(["j", "j"]);
    expect(await queue.dequeue()).toBeNull();
    clock.advance(5);
    expect(await queue.dequeue()).toMatchObject({ stageId: "a" });
    expect(queue.getAllJobs()).toHaveLength(1);
  });

  it("copies payloads in and out", async () => {
    const payload = { config: { a: { n: 1 } } };
    const id = await queue.enqueue(job("a", { payload }));
    payload.config.a.n = 2;
    const taken = await queue.dequeue();
    (taken!.payload["config"] as { a: { n: number } }).a.n = 3;
    expect(queue.getJob(id)!.payload).toEqual({ config: { a: { n: 1 } } });
  });

  it("ignores the result of a worker that lost its lease (P13)", async () => {
    const id = await queue.enqueue(job("a"));
    const zombie = (await queue.dequeue())!;
    queue.simulateCrash(id);
    expect(await queue.releaseStaleJobs()).toBe(1);
    await queue.complete(id, { attempt: zombie.attempt });
    const next = (await queue.dequeue())!;
    await queue.fail(id, "zombie", false, { attempt: zombie.attempt });
    await queue.suspend(id, clock.now(), { attempt: zombie.attempt });
    expect(queue.getJob(id)).toMatchObject({ status: "RUNNING", attempt: 2 });
    await queue.complete(id, { attempt: next.attempt });
    expect(queue.getJob(id)).toMatchObject({ status: "COMPLETED", completedAt: clock.now() });
    await queue.fail(id, "too late");
    expect(queue.getJobsByStatus("COMPLETED")).toHaveLength(1);
  });

  it("puts a failed job back with backoff, until its attempts are used up", async () => {
    queue.setDefaultMaxAttempts(2);
    const id = await queue.enqueue(job("a"));
    await queue.dequeue();
    await queue.fail(id, "first", true);
    expect(queue.getJob(id)).toMatchObject({ status: "PENDING", lastError: "first", nextPollAt: new Date(clock.now().getTime() + 1000) });
    clock.advance(999);
    expect(await queue.dequeue()).toBeNull();
    clock.advance(1);
    expect(await queue.dequeue()).toMatchObject({ attempt: 2 });
    await queue.fail(id, "second", true);
    expect(queue.getJob(id)).toMatchObject({ status: "FAILED", lastError: "second" });
  });

  it("ends a job whose workers always die (P14), and leaves one that is alive", async () => {
    const id = await queue.enqueue(job("a", { maxAttempts: 1 }));
    const alive = await queue.enqueue(job("b"));
    await queue.dequeueMany(2);
    clock.advance(60_001);
    await queue.heartbeat(alive);
    expect(await queue.releaseStaleJobs()).toBe(0);
    expect(queue.getJob(id)).toMatchObject({ status: "FAILED", lastError: "worker lost" });
    expect(queue.getJob(alive)).toMatchObject({ status: "RUNNING" });
  });

  it("suspends, tells of due polls and resumes", async () => {
    const id = await queue.enqueue(job("a"));
    await queue.dequeue();
    await queue.suspend(id, new Date(clock.now().getTime() + 5));
    expect(await queue.getSuspendedJobsReadyToPoll()).toEqual([]);
    queue.setJobNextPollAt(id, clock.now());
    expect(await queue.getSuspendedJobsReadyToPoll()).toEqual([{ jobId: id, stageId: "a", workflowRunId: "r1" }]);
    queue.resumeJob(id);
    expect(await queue.dequeue()).toMatchObject({ jobId: id, attempt: 2 });
  });

  it("cancels what a run still has", async () => {
    await queue.enqueueParallel([job("a"), job("b"), job("c", { workflowRunId: "r2" })]);
    await queue.complete((await queue.dequeue())!.jobId);
    expect(await queue.cancelByRun("r1")).toBe(1);
    expect(queue.getJobsByStatus("PENDING").map(({ stageId }) => stageId)).toEqual(["c"]);
    queue.clear();
    expect(queue.getAllJobs()).toEqual([]);
  });
});

describe("backoffMs", () => {
  it("doubles from one second to five minutes", () => {
    expect([1, 2, 3, 20].map(backoffMs)).toEqual([1000, 2000, 4000, 300_000]);
  });
});
