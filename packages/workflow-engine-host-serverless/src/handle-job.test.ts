// handleJob: one message is one job, however often, late or in which order it comes (P13, P14; settled question 3).
import { FatalError } from "@bratsos/workflow-engine";
import { describe, expect, it } from "vitest";
import { recordFigure } from "../../../tools/figures.ts";
import { openPlatform, polled, step, workflowOf } from "./platform.test-fixture.ts";

const never = new Promise<never>(() => undefined);
const seeds = process.env["PROOF"] === "full" ? 400 : 25;

/** Numbers in [0, 1) that repeat. */
function repeatable(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

function sequence() {
  return workflowOf(
    step("a", () => 1),
    [step("b", ({ input }) => Number(input) + 1), step("c", () => "c")],
    step("d", ({ input }) => input),
  );
}

describe("handleJob", () => {
  it("P4: a message's commit sends the next ones, and the last one completes the run", async () => {
    const { create, sent, host, store, eventsOf } = openPlatform(sequence());
    const runId = await create();
    const [first] = sent.splice(0);
    expect(first).toMatchObject({ workflowRunId: runId, workflowId: "w", stageId: "a", attempt: 1, maxAttempts: 3, priority: 5 });
    expect(Object.keys(first?.payload ?? {})).toEqual(["executionId"]); // the config stays with the run
    expect(await host.handleJob(first!)).toEqual({ outcome: "completed" });
    expect(sent.map(({ stageId }) => stageId)).toEqual(["b", "c"]);
    for (const message of sent.splice(0)) expect(await host.handleJob(message)).toEqual({ outcome: "completed" });
    expect(sent.map(({ stageId }) => stageId)).toEqual(["d"]);
    expect(await host.handleJob(sent[0]!)).toEqual({ outcome: "completed" });
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: { b: 2, c: "c" } });
    await host.runMaintenanceTick();
    expect(eventsOf(runId).at(-1)).toMatchObject({ type: "workflow:completed" });
  });

  it("settled question 3: the queue retries, also under one attempt number; the engine sends no message of its own", async () => {
    const attempts: number[] = [];
    const { create, sent, host, stageOf, environment } = openPlatform(
      workflowOf(
        step("a", ({ attempt }) => {
          attempts.push(attempt);
          if (attempt < 3) throw new Error(`no ${attempt}`);
          return "done";
        }),
      ),
    );
    const runId = await create();
    const [message] = sent.splice(0);
    expect(await host.handleJob(message!)).toEqual({ outcome: "failed", error: "no 1", retryable: true, retryAfterMs: expect.any(Number) });
    expect(await stageOf(runId, "a")).toMatchObject({ status: "PENDING", nextPollAt: null, attempt: 1 });
    await environment.advance(60_000);
    await host.runMaintenanceTick();
    expect(sent).toEqual([]);
    expect(await host.handleJob(message!)).toMatchObject({ outcome: "failed", error: "no 2", retryable: true });
    expect(await host.handleJob({ ...message!, attempt: 9 })).toEqual({ outcome: "completed" });
    expect(attempts).toEqual([1, 2, 9]);
  });

  it("P5: attempts are bounded by the engine too; the last failure fails the run and is final", async () => {
    const { create, deliverAll, store, eventsOf, host } = openPlatform(workflowOf(step("a", () => Promise.reject(new Error("e")))));
    const runId = await create();
    const results = await deliverAll();
    expect(results.map(({ retryable }) => retryable)).toEqual([true, true, false, ...Array.from({ length: 7 }, () => false)]);
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "FAILED", errorMessage: "e" });
    await host.runMaintenanceTick();
    expect(eventsOf(runId).filter(({ type }) => type === "stage:started")).toHaveLength(3);
  });

  it("P5: a FatalError is final at once, and a duplicate of its message gets the same answer", async () => {
    const fatal = step("a", () => {
      throw new FatalError("no use");
    });
    const { create, sent, host } = openPlatform(workflowOf(fatal));
    await create();
    const answer = { outcome: "failed", error: "no use", retryable: false };
    expect(await host.handleJob(sent[0]!)).toEqual(answer);
    expect(await host.handleJob(sent[0]!)).toEqual(answer);
  });

  it("P9: a message left over from before a cancel or a rerun is obsolete, and may be forgotten", async () => {
    const { create, sent, host, kernel, stageOf } = openPlatform(workflowOf(step("a", () => 1)));
    const workflowRunId = await create();
    const [old] = sent.splice(0);
    await kernel.dispatch({ type: "run.cancel", workflowRunId });
    const obsolete = { outcome: "completed", discarded: true };
    expect(await host.handleJob(old!)).toEqual(obsolete);
    await kernel.dispatch({ type: "run.rerunFrom", workflowRunId, fromStageId: "a" });
    expect(await host.handleJob({ ...old!, attempt: 2 })).toEqual(obsolete);
    expect(await stageOf(workflowRunId, "a")).toMatchObject({ status: "PENDING" });
    expect(await host.handleJob(sent[0]!)).toEqual({ outcome: "completed" });
  });

  it("settled question 3: a redelivery while the first is at work changes nothing", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const { create, sent, host, startProcess, environment, store } = openPlatform(workflowOf(step("a", () => promise)));
    const runId = await create();
    const first = host.handleJob(sent[0]!);
    await environment.settle();
    const busy = { outcome: "failed", error: "in progress", retryable: true };
    expect(await startProcess().host.handleJob(sent[0]!)).toEqual(busy);
    expect(await startProcess().host.handleJob({ ...sent[0]!, attempt: 2 })).toEqual(busy);
    resolve("once");
    expect(await first).toEqual({ outcome: "completed" });
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: "once" });
  });

  it("P14: killed in the middle, the message's redelivery finishes the run, and the zombie writes nothing", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    let executions = 0;
    const stage = step("a", () => ((executions += 1) === 1 ? promise : "second"));
    const { create, sent, host, startProcess, environment, store, eventsOf } = openPlatform(workflowOf(stage));
    const runId = await create();
    const dead = startProcess({}, 1e9); // what is frozen is not heard of
    const zombie = dead.host.handleJob(sent[0]!);
    await environment.settle();
    await environment.advance(59_000);
    expect(await host.handleJob(sent[0]!)).toMatchObject({ outcome: "failed", error: "in progress" });
    await environment.advance(2_000);
    expect(await host.handleJob(sent[0]!)).toEqual({ outcome: "completed" });
    resolve("zombie");
    expect(await zombie).not.toEqual({ outcome: "completed" });
    expect(await host.handleJob(sent[0]!)).toEqual({ outcome: "completed" });
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: "second" });
    expect(executions).toBe(2);
    await host.runMaintenanceTick();
    expect(eventsOf(runId).filter(({ type }) => type === "stage:completed")).toHaveLength(1);
  });

  it("P14: a stage that kills its function every time ends FAILED after its attempts", async () => {
    const { create, sent, startProcess, environment, store, stageOf } = openPlatform(workflowOf(step("a", () => never)));
    const runId = await create();
    for (let delivery = 1; delivery <= 3; delivery++) {
      void startProcess({}, 1e9).host.handleJob(sent[0]!);
      await environment.settle();
      expect(await stageOf(runId, "a")).toMatchObject({ status: "RUNNING", attempt: delivery });
      await environment.advance(61_000);
    }
    expect(await startProcess().host.handleJob(sent[0]!)).toMatchObject({ outcome: "completed", discarded: true });
    expect(await store.persistence.getRun(runId)).toMatchObject({ status: "FAILED" });
  });

  it("P17: a queue that was down gets its jobs by a later tick, and one that lost a message another", async () => {
    const { create, sent, host, sending, environment, deliverAll, store } = openPlatform(sequence());
    sending.isDown = true;
    const creating = create();
    await environment.advance(1_000);
    const runId = await creating;
    sending.isDown = false;
    await host.runMaintenanceTick();
    expect(sent).toEqual([]);
    await environment.advance(5 * 60_000);
    await host.runMaintenanceTick();
    expect(sent).toHaveLength(1);
    sent.splice(0); // the queue loses it
    await environment.advance(5 * 60_000);
    await host.runMaintenanceTick();
    await host.runMaintenanceTick();
    expect(sent).toHaveLength(1); // once in 5 minutes: a queue with a backlog is not flooded
    await deliverAll();
    expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
  });

  it("P17: a stage whose queue gave up delivering gets another message", async () => {
    let fails = true;
    const { create, sent, host, environment, deliverAll, store } = openPlatform(
      workflowOf(step("a", () => (fails ? Promise.reject(new Error("e")) : 1))),
    );
    const runId = await create();
    await host.handleJob(sent.shift()!); // and never again: it is in the queue's own dead letters
    fails = false;
    await environment.advance(4 * 60_000);
    await host.runMaintenanceTick();
    expect(sent).toEqual([]);
    await environment.advance(2 * 60_000);
    await host.runMaintenanceTick();
    await deliverAll();
    expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
  });

  it("P13: duplicates, any order, late ones: every run has exactly one result of every stage", { timeout: 240_000 }, async () => {
    let deliveries = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const random = repeatable(seed);
      const platform = openPlatform(
        workflowOf(
          step("a", ({ attempt }) => (attempt === 1 && random() < 0.3 ? Promise.reject(new Error("once")) : "a")),
          [step("b", () => "b"), step("c", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : "c"))],
          polled("p", async () => ({ ready: true, output: "p" })),
          step("d", ({ input }) => input),
        ),
      );
      const { sent, create, environment, startProcess, store, eventsOf } = platform;
      const runIds = [await create(), await create(), await create()];
      const delivered = [];
      for (let round = 0; round < 200; round++) {
        delivered.push(...sent.splice(0));
        const some = delivered.filter(() => random() < 0.4).toSorted(() => random() - 0.5);
        const twice = some.flatMap((message) => (random() < 0.5 ? [message, message] : [message]));
        deliveries += twice.length;
        await Promise.all(twice.map((message) => startProcess().host.handleJob(message)));
        await environment.advance(1_000);
        if (round % 3 === 0) await startProcess().host.runMaintenanceTick();
        const statuses = await Promise.all(runIds.map((id) => store.persistence.getRunStatus(id)));
        if (statuses.every((status) => status === "COMPLETED")) break;
      }
      await platform.host.runMaintenanceTick();
      for (const message of delivered) expect(await platform.host.handleJob(message)).not.toMatchObject({ retryable: true });
      for (const runId of runIds) {
        expect(await store.persistence.getRun(runId)).toMatchObject({ status: "COMPLETED", output: "p" });
        const ends = eventsOf(runId).flatMap((event) => (event.type === "stage:completed" ? [event.stageId] : []));
        expect(ends.toSorted()).toEqual(["a", "b", "c", "d", "p"]);
      }
    }
    const figure = `${seeds * 3} of ${seeds * 3}, ${deliveries} deliveries`;
    recordFigure({ promise: "P13", claim: "runs with one result a stage under duplicate, late and shuffled deliveries", figure });
  });

  it("what is no job is refused by name", async () => {
    const { host } = openPlatform(workflowOf(step("a", () => 1)));
    await expect(host.handleJob({} as never)).rejects.toMatchObject({ code: "INVALID_COMMAND", message: /no jobId/ });
  });

  it("a job of a transport's own dequeue can be handled as it is", async () => {
    const { create, store, host } = openPlatform(workflowOf(step("a", () => 1)), "store");
    const runId = await create();
    const job = await store.jobTransport.dequeue();
    expect(await host.handleJob(job!)).toEqual({ outcome: "completed" });
    expect(await store.persistence.getRunStatus(runId)).toBe("COMPLETED");
  });
});
