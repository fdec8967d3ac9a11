// One leased execution from user code to commit.
import { describe, expect, it, vi } from "vitest";
import { chain, createGate, step, waiting } from "../../testing/workflows.ts";
import { openKernel } from "../kernel.test-fixture.ts";

const options = { onCodeEnded: () => undefined, slots: () => 0 };
const big = "x".repeat(40_000);

/** A session with the first stage of a new run taken. */
async function open(...groups: Parameters<typeof chain> extends [string, ...infer G] ? G : never) {
  const opened = openKernel([chain("w", ...groups)]);
  const runId = await opened.begin();
  const session = opened.kernel.work.openSession({ workerId: "w1" });
  const [job] = await session.take(1);
  return { ...opened, runId, session, job: job! };
}

describe("executeJob", () => {
  it("P4: the commit that ends a stage opens the next group and hands it over, with the outputs it reads", async () => {
    const { session, job, statusOf, runId } = await open(
      step("a", () => "from a"),
      { stages: [step("b1", (ctx) => ctx.input), step("b2", (ctx) => ctx.input)] },
      step("c", (ctx) => ctx.input),
    );
    const { next } = await session.execute(job, { ...options, slots: () => 1 });
    expect(next.map(({ stageId }) => stageId)).toEqual(["b1"]);
    const [b2] = await session.take(1);
    await session.execute(next[0]!, options);
    const last = await session.execute(b2!, { ...options, slots: () => 5 });
    expect(last.next.map(({ stageId, payloads }) => [stageId, payloads.outputs["b2"]])).toEqual([["c", '"from a"']]);
    await session.execute(last.next[0]!, options);
    expect(await statusOf(runId)).toBe("COMPLETED");
  });

  it("P13: a result that comes after the stage was handed back is discarded, and its blob goes", async () => {
    const gate = createGate();
    const { session, job, store, environment } = await open(
      step("a", async () => {
        await gate.wait();
        return big;
      }),
    );
    vi.spyOn(store.runStore, "listLost").mockResolvedValue([]); // it does not learn of it before its end
    const ended = session.execute(job, options);
    await environment.settle();
    await session.release([job]);
    gate.open();
    expect(await ended).toMatchObject({ next: [], outcome: "discarded" });
    expect(store.blobStore.size()).toBe(0);
    expect(await store.persistence.getStage(job.runId, "a")).toMatchObject({ status: "PENDING", outputData: null });
  });

  it("P6, P13: a commit whose answer is lost keeps its blob, whatever the next try is told", async () => {
    const { session, job, store, environment } = await open(step("a", () => big));
    const { transact } = store.runStore;
    vi.spyOn(store.runStore, "transact").mockImplementationOnce(async (unit) => {
      await transact.call(store.runStore, unit);
      throw new Error("the connection broke");
    });
    const ended = session.execute(job, options);
    ended.catch(() => undefined);
    await environment.advance(30_000);
    await Promise.allSettled([ended]);
    expect(store.blobStore.size()).toBe(1);
    expect(await store.persistence.getStage(job.runId, "a")).toMatchObject({ status: "COMPLETED" });
  });

  it("P14: a store that is out of reach at the end leaves nothing held: the stage is listed as leased and can be given back", async () => {
    const onCodeEnded = vi.fn();
    const { session, job, state, environment } = await open(step("a", () => 1));
    state.fails = ({ method }) => method === "store.transact";
    const ended = session.execute(job, { ...options, onCodeEnded });
    ended.catch(() => undefined);
    await environment.settle();
    expect(onCodeEnded).toHaveBeenCalledOnce(); // its place is free while the store is asked again
    expect(await session.listLeased()).toEqual([]);
    await environment.advance(30_000);
    await expect(ended).rejects.toThrow("Injected fault");
    state.fails = () => false;
    expect(await session.listLeased()).toMatchObject([{ executionId: job.executionId }]);
    await session.release(await session.listLeased());
    expect((await session.take(1))[0]).toMatchObject({ stageId: "a", attempt: 1 });
  });

  it("P5, P14: a throw that cannot be told as text, or a retryOn that throws, holds nothing for ever", async () => {
    const retryOn = () => {
      throw new Error("broken policy");
    };
    const { session, job, environment } = await open(step("a", () => Promise.reject(Object.create(null)), { retry: { retryOn } }));
    expect((await session.execute(job, options)).outcome).toBe("retrying");
    await environment.advance(1_000);
    expect(environment.timers()).toEqual([]); // nobody watches an execution that is over
  });

  it("P12: the scheduler hears of every wait; that it fails is none of the run's", async () => {
    const { session, job, scheduler, environment } = await open(waiting("a", () => ({ ready: false }), { pollInterval: 5_000 }));
    vi.spyOn(scheduler, "schedule").mockImplementationOnce(() => Promise.reject(new Error("no scheduler")));
    expect((await session.execute(job, options)).outcome).toBe("suspended");
    const runAt = new Date(environment.now() + 5_000);
    const payload = { workflowRunId: job.runId, stageId: "a", correlationId: `${job.runId}/a` };
    expect(scheduler.schedule).toHaveBeenCalledWith("stage.pollSuspended", payload, runAt);
  });

  it("P3: a job of a stage this process does not know goes back, with its attempt, for a worker that knows it", async () => {
    const { session, job, environment } = await open(step("a", () => 1));
    const unknown = { ...job, stageId: "a", group: 7 };
    expect(await session.execute(unknown, options)).toEqual({ next: [], outcome: "released" });
    expect(await session.take(1)).toEqual([]);
    await environment.advance(5_000);
    expect((await session.take(1))[0]).toMatchObject({ stageId: "a", attempt: 1 });
  });
});
