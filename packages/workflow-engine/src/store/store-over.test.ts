// Whole workflows by plain commands over an adapter that has nothing but the CRUD port, and over a queue without any optional method.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defineAsyncBatchStage } from "../define/index.ts";
import { RetryableError } from "../errors.ts";
import { stripEngineFields } from "./crud-state.ts";
import { stageOf, World, workflowOf } from "./crud-world.test-double.ts";

const three = workflowOf(
  "three",
  [stageOf("a", ({ input }) => ({ from: input }))],
  [stageOf("b", ({ input }) => ({ b: input })), stageOf("c", () => null)],
  [stageOf("d", ({ input, workflowContext }) => ({ input, seen: Object.keys(workflowContext) }))],
);

/** A stage that suspends, then is ready at the third look. */
function waiting(looks: { count: number }, isReady = () => looks.count >= 3) {
  return defineAsyncBatchStage({
    id: "wait",
    name: "wait",
    mode: "async-batch",
    schemas: { input: z.any(), output: z.any(), config: z.object({}) },
    execute: async () => ({ suspended: true, state: { batchId: "b1" }, pollConfig: { pollInterval: 10_000, maxWaitTime: 60_000 } }),
    checkCompletion: async () => {
      looks.count++;
      return isReady() ? { ready: true, output: { looks: looks.count } } : { ready: false };
    },
  });
}

describe("plain commands over a CRUD adapter", () => {
  it("runs stages in sequence and in parallel, and hands on their outputs, null included", async () => {
    const world = new World([three]);
    const runId = await world.create("three", { x: 1 });
    await world.work();
    const run = await world.run(runId);
    expect(run.status).toBe("COMPLETED");
    expect(run.output).toEqual({ input: { b: { b: { from: { x: 1 } } }, c: null }, seen: ["a", "b", "c"] });
    expect(await world.stages(runId)).toEqual({ a: "COMPLETED", b: "COMPLETED", c: "COMPLETED", d: "COMPLETED" });
  });

  it("tells every event once and in order, and never a job", async () => {
    const world = new World([three]);
    await world.create("three");
    await world.work();
    expect(await world.events()).toEqual([
      ...["workflow:created", "workflow:started", "stage:started", "stage:completed"],
      ...["stage:started", "stage:completed", "stage:started", "stage:completed", "stage:started", "stage:completed"],
      "workflow:completed",
    ]);
    expect(world.sink.getByType("workflow:completed")[0]?.output).toMatchObject({ seen: ["a", "b", "c"] });
    expect(await world.adapter.getUnpublishedOutboxEvents(100)).toEqual([]);
  });

  it("keeps its own fields out of what people see", async () => {
    const world = new World([three]);
    const created = await world.kernel.dispatch({
      type: "run.create",
      idempotencyKey: "k",
      workflowId: "three",
      input: {},
      metadata: { who: "me" },
    });
    await world.work();
    const run = await world.run(created.workflowRunId);
    expect(run.metadata).toMatchObject({ who: "me", $engine: { workflowVersion: three.plan.fingerprint } });
    expect(stripEngineFields(run).metadata).toEqual({ who: "me" });
    const [stage] = await world.adapter.getStagesByRun(run.id);
    expect(stripEngineFields(stage!).config).toBeNull();
    expect(stage!.config).toHaveProperty("$engine");
  });

  it("P5: retries with backoff under a new job each, then fails stage and run", async () => {
    const tries: number[] = [];
    const failing = stageOf("f", ({ attempt }) => {
      tries.push(attempt);
      throw new Error("no luck");
    });
    const world = new World([workflowOf("w", [failing])]);
    const runId = await world.create("w");
    await world.work();
    const [stage] = await world.adapter.getStagesByRun(runId);
    expect(stage).toMatchObject({
      status: "PENDING",
      attempt: 1,
      errorMessage: "no luck",
      nextPollAt: new Date(world.environment.now() + 1_000),
    });
    expect((await world.run(runId)).status).toBe("RUNNING");
    for (const ms of [999, 1, 2_000]) {
      await world.advance(ms);
      await world.work();
    }
    expect(tries).toEqual([1, 2, 3]);
    expect(await world.run(runId)).toMatchObject({ status: "FAILED", errorMessage: "no luck" });
    expect(world.queue.jobs.size).toBe(3);
    expect(await world.events()).toEqual(expect.arrayContaining(["stage:retrying", "stage:failed", "workflow:failed"]));
  });

  it("P5: a stage that succeeds on a later attempt carries no old error", async () => {
    const flaky = stageOf("f", ({ attempt }) => {
      if (attempt === 1) throw new RetryableError("not yet", { retryAfterMs: 5 });
      return attempt;
    });
    const world = new World([workflowOf("w", [flaky])]);
    const runId = await world.create("w");
    await world.work();
    await world.advance(5);
    await world.work();
    const [stage] = await world.adapter.getStagesByRun(runId);
    expect(stage).toMatchObject({ status: "COMPLETED", attempt: 2, errorMessage: null, outputData: 2, nextPollAt: null });
  });

  it("P10: a suspended stage is looked at when due, and its output moves the run on", async () => {
    const looks = { count: 0 };
    const world = new World([workflowOf("w", [waiting(looks) as never], [stageOf("after", ({ input }) => input)])]);
    const runId = await world.create("w");
    await world.work();
    expect(await world.stages(runId)).toEqual({ wait: "SUSPENDED" });
    for (let i = 0; i < 3; i++) {
      expect(await world.kernel.dispatch({ type: "stage.pollSuspended" })).toMatchObject({ checked: 0 });
      await world.advance(10_000);
      expect(await world.kernel.dispatch({ type: "stage.pollSuspended" })).toMatchObject({ checked: 1 });
    }
    await world.kernel.dispatch({ type: "run.transition", workflowRunId: runId });
    await world.work();
    expect(await world.run(runId)).toMatchObject({ status: "COMPLETED", output: { looks: 3 } });
  });

  it("P10: two pollers never look at one stage at once", async () => {
    const looks = { count: 0 };
    const world = new World([workflowOf("w", [waiting(looks, () => false) as never])]);
    await world.create("w");
    await world.work();
    await world.advance(10_000);
    const pollers = [world.kernel, world.process(), world.process()];
    const ends = await Promise.all(pollers.map((kernel) => kernel.dispatch({ type: "stage.pollSuspended" })));
    expect(ends.map((end) => end.checked).sort()).toEqual([0, 0, 1]);
    expect(looks.count).toBe(1);
  });

  it("P8: a cancelled run takes nothing any more, and a job that still comes changes nothing", async () => {
    const world = new World([three]);
    const runId = await world.create("three");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const job = (await world.queue.dequeue())!;
    expect(await world.kernel.dispatch({ type: "run.cancel", workflowRunId: runId, reason: "enough" })).toEqual({ cancelled: true });
    expect(await world.execute(job)).toMatchObject({ outcome: "failed", discarded: true });
    expect(await world.stages(runId)).toEqual({ a: "CANCELLED" });
    expect(await world.run(runId)).toMatchObject({ status: "CANCELLED", errorMessage: "enough" });
  });

  it("P9: a rerun forgets what came after, and leftover jobs of the old executions touch nothing", async () => {
    const world = new World([three]);
    const runId = await world.create("three");
    await world.work();
    const old = [...world.queue.jobs.values()].find((job) => job.stageId === "b")!;
    const rerun = await world.kernel.dispatch({ type: "run.rerunFrom", workflowRunId: runId, fromStageId: "b" });
    expect(rerun.deletedStages).toEqual(["b", "c", "d"]);
    expect(await world.run(runId)).toMatchObject({ status: "RUNNING", output: null, duration: null, completedAt: null });
    expect(await world.execute(old)).toMatchObject({ outcome: "failed", discarded: true });
    await world.work();
    expect(await world.run(runId)).toMatchObject({ status: "COMPLETED", output: { seen: ["a", "b", "c"] } });
  });

  it("P2: one key makes one run, however many ask from however many processes", async () => {
    const world = new World([three]);
    const ask = (kernel = world.kernel, input = {}) =>
      kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "three", input });
    const created = await Promise.all([ask(), ask(), ask(world.process()), ask(world.process())]);
    expect(new Set(created.map((answer) => answer.workflowRunId)).size).toBe(1);
    expect(await world.adapter.getRunsByStatus("PENDING")).toHaveLength(1);
    await expect(ask(world.kernel, { other: 1 })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  });

  it("P2: a job.execute under a key executes once and answers the same again", async () => {
    let executed = 0;
    const world = new World([workflowOf("w", [stageOf("a", () => ++executed)])]);
    const workflowRunId = await world.create("w");
    await world.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
    const ask = () =>
      world.kernel.dispatch({ type: "job.execute", idempotencyKey: "j", workflowRunId, workflowId: "w", stageId: "a", config: {} });
    expect(await ask()).toEqual({ outcome: "completed", output: 1 });
    expect(await ask()).toEqual({ outcome: "completed", output: 1 });
    expect(executed).toBe(1);
  });

  it("P20: a rule that throws leaves nothing behind", async () => {
    const world = new World([three]);
    const runId = await world.create("three");
    await world.work();
    const before = await world.run(runId);
    await expect(world.kernel.dispatch({ type: "run.rerunFrom", workflowRunId: runId, fromStageId: "nowhere" })).rejects.toThrow(
      "not found",
    );
    expect(await world.run(runId)).toEqual(before);
  });

  it("run.delete says that this persistence cannot", async () => {
    const world = new World([three]);
    const workflowRunId = await world.create("three");
    await world.work();
    await expect(world.kernel.dispatch({ type: "run.delete", workflowRunId })).rejects.toMatchObject({ code: "NOT_CONFIGURED" });
  });
});
