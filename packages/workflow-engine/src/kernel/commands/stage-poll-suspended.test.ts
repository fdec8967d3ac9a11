// P10: suspended stages that are due are looked at side by side.
import { describe, expect, it, vi } from "vitest";
import type { CompletionResult } from "../../define/outcome.ts";
import { chain, waiting } from "../../testing/workflows.ts";
import { create, openKernel } from "../kernel.test-fixture.ts";

const poll = { type: "stage.pollSuspended" } as const;
const options = { onCodeEnded: () => undefined, slots: () => 0 };

/** Two runs whose stage is suspended and due; `check` answers by run. */
async function open(check: (runId: string, signal: AbortSignal) => CompletionResult | Promise<CompletionResult>) {
  const workflow = chain(
    "w",
    waiting("a", (_, ctx) => check(ctx.workflowRunId, ctx.signal)),
  );
  const opened = openKernel([workflow]);
  const one = await opened.begin();
  const two = await opened.begin({ ...create, idempotencyKey: "k2" });
  const session = opened.kernel.work.openSession({ workerId: "w1" });
  for (const job of await session.take(2)) await session.execute(job, options);
  await opened.environment.advance(1_000);
  const stageOf = (runId: string) => opened.store.persistence.getStage(runId, "a");
  return { ...opened, one, two, session, stageOf };
}

describe("stage.pollSuspended", () => {
  it("counts what it looked at, what goes on and what failed", async () => {
    const { kernel, one, two } = await open((runId) => (runId === one ? { ready: true, output: 1 } : { ready: false, error: "expired" }));
    expect(await kernel.dispatch(poll)).toEqual({ checked: 2, resumed: 1, failed: 1, resumedWorkflowRunIds: [one] });
    expect(await kernel.dispatch({ type: "run.transition", workflowRunId: two })).toEqual({ action: "failed" });
  });

  it("P6, P10: a look whose commit stands and whose answer is lost keeps the blob that the row names", async () => {
    const { kernel, store, environment, stageOf, one } = await open(() => ({ ready: true, output: "x".repeat(40_000) }));
    const { transact } = store.runStore;
    const spy = vi.spyOn(store.runStore, "transact").mockImplementation(async (unit) => {
      spy.mockRestore();
      await transact.call(store.runStore, unit);
      throw new Error("the connection broke");
    });
    const looked = kernel.dispatch(poll);
    await environment.advance(30_000);
    await looked;
    expect(await stageOf(one)).toMatchObject({ status: "COMPLETED" });
    expect(store.blobStore.size()).toBe(2);
  });

  it("P15: a look that never answers is given up while its hold lasts, and looked at again", async () => {
    let isStuck = true;
    const { kernel, environment, stageOf, one, two } = await open((runId) =>
      isStuck && runId === one ? new Promise<never>(() => undefined) : { ready: true, output: 1 },
    );
    const first = kernel.dispatch(poll);
    await environment.advance(50_000);
    expect(await first).toMatchObject({ checked: 2, resumed: 1, resumedWorkflowRunIds: [two] });
    expect(await stageOf(one)).toMatchObject({ status: "SUSPENDED" });
    isStuck = false;
    await environment.advance(2_000);
    expect(await kernel.dispatch(poll)).toMatchObject({ checked: 1, resumedWorkflowRunIds: [one] });
    await environment.advance(500);
    expect(environment.timers()).toEqual([]);
  });

  it("P8: a cancelled run aborts the look at it, and nothing is written", async () => {
    const signals = new Map<string, AbortSignal>();
    const { kernel, environment, stageOf, one, two } = await open((runId, signal) => {
      signals.set(runId, signal);
      return new Promise<never>(() => undefined);
    });
    const first = kernel.dispatch(poll);
    await environment.advance(10_000);
    expect([signals.get(one)?.aborted, signals.get(two)?.aborted]).toEqual([false, false]);
    await kernel.dispatch({ type: "run.cancel", workflowRunId: one });
    await environment.settle();
    expect([signals.get(one)?.aborted, signals.get(two)?.aborted]).toEqual([true, false]);
    await environment.advance(40_000);
    expect(await first).toMatchObject({ checked: 2, resumed: 0, failed: 0 });
    expect(await stageOf(one)).toMatchObject({ status: "CANCELLED" });
  });

  it("P20: one stage that cannot be written keeps no other from being looked at to its end", async () => {
    const { kernel, state, stageOf, one, two, environment } = await open(() => ({ ready: true, output: 1 }));
    let writes = 0;
    state.fails = ({ method }) => method === "store.transact" && ++writes !== 2;
    const looking = expect(kernel.dispatch(poll)).rejects.toThrow("Injected fault");
    await environment.advance(20_000);
    await looking;
    state.fails = () => false;
    const statuses = await Promise.all([one, two].map(async (id) => (await stageOf(id))?.status));
    expect(statuses.toSorted()).toEqual(["COMPLETED", "SUSPENDED"]);
    await environment.advance(60_000); // the hold of the look that was lost
    expect(await kernel.dispatch(poll)).toMatchObject({ checked: 1, resumed: 1 });
  });

  it("P10: what a look has found is written once the store answers again; nobody is asked for it twice", async () => {
    let looks = 0;
    const { kernel, state, environment } = await open(() => {
      looks += 1;
      return { ready: true, output: 1 };
    });
    let isDown = true;
    state.fails = ({ method }) => method === "store.transact" && isDown;
    const looking = kernel.dispatch(poll);
    await environment.advance(5_000);
    isDown = false;
    await environment.advance(10_000);
    expect(await looking).toMatchObject({ checked: 2, resumed: 2 });
    expect(looks).toBe(2);
  });

  it("P3: a stage that this process does not know waits for a worker that does", async () => {
    const { store, environment, stageOf, one } = await open(() => ({ ready: true, output: 1 }));
    const other = openKernel([chain("w")], { ...store, environment });
    expect(await other.kernel.dispatch(poll)).toMatchObject({ checked: 2, resumed: 0, failed: 0 });
    expect(await stageOf(one)).toMatchObject({ status: "SUSPENDED" });
  });
});
