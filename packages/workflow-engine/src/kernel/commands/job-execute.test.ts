// job.execute: one stage, under the caller's key.
import { describe, expect, it } from "vitest";
import { chain, createGate, step } from "../../testing/workflows.ts";
import { openKernel } from "../kernel.test-fixture.ts";

const big = "x".repeat(40_000);

async function open(execute: Parameters<typeof step>[1] = () => 1) {
  const opened = openKernel([chain("w", step("a", execute))]);
  const workflowRunId = await opened.begin();
  const command = { type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" } as const;
  return { ...opened, command, keyed: { ...command, idempotencyKey: "once" }, workflowRunId };
}

describe("job.execute", () => {
  it("P7: a big output is answered by value, at first, on replay, and for a stage that is done", async () => {
    const { kernel, command, keyed } = await open(() => big);
    const answer = { outcome: "completed", output: big };
    expect(await kernel.dispatch(keyed)).toEqual(answer);
    expect(await kernel.dispatch(keyed)).toEqual(answer);
    expect(await kernel.dispatch(command)).toEqual(answer);
  });

  it("P2: a rival in the same process is a rival, and after the key's lease it is told that the stage is in progress", async () => {
    const gate = createGate();
    const { kernel, keyed, environment } = await open(() => gate.wait());
    const first = kernel.dispatch(keyed);
    await environment.settle();
    await expect(kernel.dispatch(keyed)).rejects.toMatchObject({ code: "IDEMPOTENCY_IN_PROGRESS" });
    await environment.advance(90_000); // longer than the key is held; the stage's lease is renewed
    expect(await kernel.dispatch(keyed)).toEqual({ outcome: "failed", error: "in progress", retryable: true });
    gate.open(5);
    expect(await first).toEqual({ outcome: "completed", output: 5 });
    expect(await kernel.dispatch(keyed)).toEqual({ outcome: "completed", output: 5 });
  });

  it("P13: an execution that was lost spoils neither key nor result of the one that follows in the same process", async () => {
    const gates = [createGate(), createGate()];
    let executions = 0;
    const { kernel, keyed, environment, store, command } = await open(() => gates[executions++]!.wait());
    const lost = kernel.dispatch(keyed);
    const isLost = expect(lost).rejects.toMatchObject({ code: "IDEMPOTENCY_IN_PROGRESS" });
    await environment.advance(61_000);
    const session = kernel.work.openSession({ workerId: "w1" });
    const stage = await store.runStore.listLeased(session.instance);
    await session.release(stage);
    const second = kernel.dispatch(keyed);
    await environment.settle();
    gates[0]!.open("old");
    await isLost;
    gates[1]!.open("new");
    expect(await second).toEqual({ outcome: "completed", output: "new" });
    expect(await kernel.dispatch(command)).toEqual({ outcome: "completed", output: "new" });
  });

  it("P14: a stage that was started and cannot be read is given back, with its attempt", async () => {
    const { kernel, command, state, store, workflowRunId } = await open();
    state.fails = ({ method }) => method === "store.loadPayloads";
    await expect(kernel.dispatch({ ...command, retry: "engine" })).rejects.toThrow("Injected fault");
    state.fails = () => false;
    expect(await store.persistence.getStage(workflowRunId, "a")).toMatchObject({ status: "PENDING" });
    expect(await kernel.dispatch(command)).toEqual({ outcome: "completed", output: 1 });
    expect((await store.reader.listAttempts(workflowRunId)).map(({ attempt }) => attempt)).toEqual([1]);
  });

  it("settled question 2: nobody retries for a caller that names no job; it may execute again", async () => {
    let executions = 0;
    const { kernel, command, store, workflowRunId } = await open(() => {
      if (++executions === 1) throw new Error("first");
      return "second";
    });
    expect(await kernel.dispatch(command)).toEqual({ outcome: "failed", error: "first" });
    expect(await store.persistence.getStage(workflowRunId, "a")).toMatchObject({ status: "FAILED" });
    expect(await kernel.dispatch(command)).toEqual({ outcome: "completed", output: "second" });
  });

  it("settled question 3: a caller that retries is told so; the engine says when it does", async () => {
    const byCaller = await open(() => Promise.reject(new Error("e")));
    expect(await byCaller.kernel.dispatch({ ...byCaller.command, retry: "caller" })).toEqual({
      outcome: "failed",
      error: "e",
      retryable: true,
    });
    const byEngine = await open(() => Promise.reject(new Error("e")));
    const answer = await byEngine.kernel.dispatch({ ...byEngine.command, retry: "engine", idempotencyKey: "k" });
    expect(answer).toMatchObject({ outcome: "failed", retryable: true, nextPollAt: expect.any(Date) });
    expect(await byEngine.kernel.dispatch({ ...byEngine.command, retry: "engine", idempotencyKey: "k" })).toEqual(answer);
  });
});
