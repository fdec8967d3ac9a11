// A native store that announces its jobs: one message for each stage that comes to wait, none for what did not happen, again when nothing moves.
import { describe, expect, it } from "vitest";
import { createKernel } from "../defaults.ts";
import { createRegistry } from "../kernel/registry.ts";
import { createFakeEnvironment } from "../kernel/testing/index.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { EnqueueJobInput } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import { chain, step } from "../testing/workflows.ts";
import { queuedStore } from "./queued-store.ts";

function open(isDown: () => boolean = () => false) {
  const environment = createFakeEnvironment();
  const store = createMemoryStore({ environment });
  const sent: EnqueueJobInput[] = [];
  const transport: JobTransport = {
    ...{ resendAfterMs: 60_000, enqueue: async ({ jobId }) => jobId ?? "", dequeue: async () => null },
    ...{ complete: async () => undefined, suspend: async () => undefined, fail: async () => undefined },
    ...{ getSuspendedJobsReadyToPoll: async () => [], releaseStaleJobs: async () => 0 },
    enqueueParallel: async (inputs) => {
      if (isDown()) throw new Error("down");
      sent.push(...inputs);
      return inputs.map(({ jobId }) => jobId ?? "");
    },
  };
  const workflow = chain(
    "w",
    step("a", ({ attempt }) => (attempt === 1 ? Promise.reject(new Error("once")) : 1)),
    { stages: [step("b", () => 2), step("c", () => 3)] },
  );
  const kernel = createKernel({ ...store, jobTransport: transport, registry: createRegistry([workflow]) });
  const create = async () => (await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} })).workflowRunId;
  const claim = () => kernel.dispatch({ type: "run.claimPending", workerId: "x" });
  return { environment, store, kernel, sent, create, claim, transport };
}

describe("queuedStore", () => {
  it("P4: announces what a commit opened, with the execution's name and its time, and hands nothing over", async () => {
    const { kernel, sent, create, claim, environment, store } = open();
    const workflowRunId = await create();
    expect(sent).toEqual([]);
    await claim();
    const { executionId } = (await store.reader.getRunDetail(workflowRunId))!.stages[0]!;
    expect(sent.splice(0)).toEqual([
      {
        ...{ jobId: `${workflowRunId}/a/0/${executionId}`, workflowRunId, workflowId: "w", stageId: "a", priority: 5 },
        ...{ attempt: 0, maxAttempts: 3, payload: { executionId }, scheduledFor: new Date(environment.now()) },
      },
    ]);
    const execute = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a", retry: "engine" } as const;
    await kernel.dispatch(execute);
    const [again] = sent.splice(0);
    expect(again).toMatchObject({ stageId: "a", attempt: 1 });
    expect(again!.scheduledFor!.getTime()).toBeGreaterThan(environment.now());
    await kernel.dispatch(execute);
    expect(sent).toEqual([]);
    await kernel.dispatch({ type: "run.transition", workflowRunId });
    expect(sent.map(({ stageId }) => stageId)).toEqual(["b", "c"]);
    expect(kernel.work.openSession({ workerId: "x" }).isSignalled).toBe(false);
  });

  it("P17: announces again what nothing has moved, once each time", async () => {
    const { kernel, sent, create, claim, environment } = open();
    await create();
    await claim();
    const [first] = sent.splice(0);
    const repair = { type: "run.reapStuck", stuckThresholdMs: 5_000 } as const;
    await environment.advance(59_999);
    await kernel.dispatch(repair);
    expect(sent).toEqual([]);
    await environment.advance(1);
    await kernel.dispatch(repair);
    await kernel.dispatch(repair);
    expect(sent.map(({ jobId }) => jobId)).toEqual([first?.jobId]);
  });

  it("P17: a queue that is down loses nothing: the commit stands, and a later tick sends", async () => {
    let isDown = true;
    const { kernel, sent, create, claim, environment, store } = open(() => isDown);
    const runId = await create();
    const claiming = claim();
    await environment.advance(5_000);
    await claiming;
    expect(await store.persistence.getRunStatus(runId)).toBe("RUNNING");
    isDown = false;
    await environment.advance(60_000);
    await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 });
    expect(sent).toHaveLength(1);
  });

  it("announces stages that a decision on the whole run queues, e.g. of a budget that was raised", async () => {
    const { kernel, sent, create, claim, environment, store, transport } = open();
    const runId = await create();
    await claim();
    for (let i = 0; i < 2; i++) {
      await kernel.dispatch({ type: "job.execute", workflowRunId: runId, workflowId: "w", stageId: "a", retry: "engine" });
    }
    await kernel.dispatch({ type: "run.transition", workflowRunId: runId });
    sent.splice(0);
    const queued = queuedStore({ store: store.runStore, persistence: store.persistence, transport, resendAfterMs: 60_000, environment });
    await queued.transact({
      runId,
      decide: ({ stages }, now) => {
        if (!stages) return { result: null, need: "stages" };
        const waiting = stages.filter(({ group }) => group === 2);
        return { result: null, run: {}, stages: waiting.map(({ stageId, item }) => ({ stageId, item, set: { readyAt: now + 1 } })) };
      },
    });
    expect(sent.map(({ stageId }) => stageId)).toEqual(["b", "c"]);
  });

  it("P8: a run that was cancelled is announced no more", async () => {
    const { kernel, sent, create, claim, environment } = open();
    const workflowRunId = await create();
    await claim();
    sent.splice(0);
    await kernel.dispatch({ type: "run.cancel", workflowRunId });
    await environment.advance(120_000);
    await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 });
    expect(sent).toEqual([]);
  });
});
