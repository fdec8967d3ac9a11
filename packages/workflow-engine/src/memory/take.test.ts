// Picking in order: runs to claim, stages to lease, polls that are due.
import { beforeEach, describe, expect, it } from "vitest";
import { createFixture, instance, type RunFixture, START, stage } from "./runs.test-fixture.ts";

let fixture: RunFixture;
beforeEach(() => {
  fixture = createFixture();
});

describe("claimRuns (P3)", () => {
  const options = { max: 10, workflowIds: ["w"] };

  it("picks due runs by priority, age and id, and only of known workflows", async () => {
    await fixture.create("b");
    await fixture.create("a");
    await fixture.create("urgent", { priority: 9 });
    await fixture.create("later", { startAt: START + 10 });
    await fixture.create("foreign", { workflowId: "other" });
    const claim = (): Promise<string[]> =>
      fixture.store.claimRuns(options, ({ run, payloads }) => ({
        result: `${run!.id}${payloads!.input}`,
        run: { status: "RUNNING", queuedAt: null },
      }));
    expect(await claim()).toEqual(['urgent{"a":1}', 'a{"a":1}', 'b{"a":1}']);
    expect(await claim()).toEqual([]);
    expect(await fixture.store.nextWakeAt()).toBe(START);
    expect(await fixture.store.listQueuedWorkflowIds()).toEqual(["other", "w"]);
  });

  it("skips a run whose rule throws, and leaves it as it is", async () => {
    await fixture.create("bad", { priority: 9 });
    await fixture.create("good");
    const claimed = await fixture.store.claimRuns(options, ({ run }) => {
      if (run!.id === "bad") throw new Error("bad");
      return { result: run!.id };
    });
    expect(claimed).toEqual(["good"]);
    expect((await fixture.look("bad")).run).toMatchObject({ version: 1, status: "PENDING" });
  });
});

describe("takeJobs and takePolls", () => {
  const options = { instance, max: 10, workflowIds: ["w"] };

  it("leases due stages in order and tells of their start", async () => {
    await fixture.start(
      stage("b", { number: 2, attempt: 1, waitReason: "retry" }),
      stage("a"),
      stage("late", { readyAt: START + 5 }),
      stage("done", { status: "COMPLETED", readyAt: null, group: 1 }),
    );
    await fixture.change("r1", { stages: [{ stageId: "done", item: 0, set: {}, payloads: { output: "null" } }] });
    const jobs = await fixture.store.takeJobs(options);
    expect(jobs.map(({ stageId, attempt, executionId }) => [stageId, attempt, executionId])).toEqual([
      ["a", 1, "x-a"],
      ["b", 2, "x-b"],
    ]);
    expect(jobs[0]!.payloads).toEqual({ input: '{"a":1}', config: "{}", outputs: { done: "null" }, groups: { done: 1 } });
    expect(jobs[1]!.payloads).toBe(jobs[0]!.payloads);
    expect(await fixture.store.takeJobs(options)).toEqual([]);
    expect((await fixture.look("r1", "b")).stage).toMatchObject({ status: "RUNNING", waitReason: null, readyAt: null, startedAt: START });
    const events = (await fixture.store.takeEvents({ max: 10, leaseMs: 1 }))!.fresh;
    expect(events.map(({ type, sequence }) => [type, sequence])).toEqual([
      ["workflow:created", 1],
      ["stage:started", 2],
      ["stage:started", 3],
    ]);
    expect(events[1]!.fields).toEqual({ stageId: "a", stageName: "A", stageNumber: 1 });
    expect(await fixture.store.nextWakeAt()).toBe(START + 5);
  });

  it("leaves stages of runs that are not RUNNING", async () => {
    await fixture.start(stage("a"));
    await fixture.change("r1", { run: { status: "FAILED" } });
    expect(await fixture.store.takeJobs(options)).toEqual([]);
    expect(await fixture.store.nextWakeAt()).toBeNull();
  });

  it("holds a due poll for a while under a new execution id", async () => {
    await fixture.start(
      stage("a", { status: "SUSPENDED", waitReason: "poll", readyAt: null, pollAt: START }),
      stage("b", { status: "SUSPENDED", waitReason: "human", readyAt: null, pollAt: START }),
    );
    await fixture.change("r1", { stages: [{ stageId: "a", item: 0, set: {}, payloads: { state: '{"batchId":"1"}' } }] });
    const poll = { max: 10, holdMs: 100, workflowIds: ["w"] };
    const [first, ...rest] = await fixture.store.takePolls(poll);
    expect(rest).toEqual([]);
    expect(first).toMatchObject({ stageId: "a", state: '{"batchId":"1"}', pollIntervalMs: 30_000 });
    expect(first!.executionId).not.toBe("x-a");
    expect(await fixture.store.takePolls(poll)).toEqual([]);
    fixture.now += 100;
    expect(await fixture.store.takePolls(poll)).toHaveLength(1);
  });
});
