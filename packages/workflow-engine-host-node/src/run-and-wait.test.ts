// One run, from its creation to its end, in this process.
import { describe, expect, it, vi } from "vitest";
import { openHost, step, workflowOf } from "./host.test-fixture.ts";
import { type RunAndWaitOptions, runAndWait, type StageSnapshot } from "./run-and-wait.ts";

const command = { idempotencyKey: "once", workflowId: "w", input: { n: 1 } };
const quick = workflowOf(
  step("a", () => 1),
  step("b", (ctx) => [ctx.input]),
);
const endless = workflowOf(
  step("a", (ctx) => new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)))),
);

function open(workflow = quick, options: Parameters<typeof openHost>[1] = {}) {
  const opened = openHost(workflow, options);
  const { store, kernel, host, environment } = opened;
  /** Runs, while virtual time passes, until it has settled. */
  const run = async (options: Partial<RunAndWaitOptions> = {}) => {
    let isSettled = false;
    const running = runAndWait({ kernel, persistence: store.persistence, host, command, ...options });
    running.catch(() => undefined).finally(() => (isSettled = true));
    for (let i = 0; i < 1_000 && !isSettled; i++) await environment.advance(25);
    return running;
  };
  return { ...opened, run };
}

describe("runAndWait", () => {
  it("answers how the run ended, and stops the host it started", async () => {
    const { run, host } = open();
    expect(await run()).toMatchObject({
      status: "COMPLETED",
      output: [1],
      error: null,
      totalCost: 0,
      stages: [
        { stageId: "a", status: "COMPLETED" },
        { stageId: "b", status: "COMPLETED" },
      ],
    });
    expect(host.getStats().isRunning).toBe(false);
  });

  it("does not wait for ever on a run that nobody here works on any more", async () => {
    const { run, host, environment, store } = open(endless, { shutdownTimeoutMs: 1_000 });
    const running = run();
    await environment.advance(100);
    void host.stop(); // as SIGTERM does
    const error = await running.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "RUN_STATE", message: expect.stringContaining("any worker goes on with it") });
    expect((await store.reader.listRuns()).items[0]).toMatchObject({ status: "RUNNING" });
  });

  it("leaves a host running that was", async () => {
    const { run, host } = open();
    await host.start();
    await run();
    expect(host.getStats().isRunning).toBe(true);
    await host.stop();
  });

  it("P2: the same key answers the run there is; a run that exists is waited for by its id", async () => {
    const { run, create } = open();
    const first = await run();
    expect(await run()).toMatchObject({ runId: first.runId, status: "COMPLETED" });
    const runId = await create();
    expect(await run({ command: { workflowRunId: runId } })).toMatchObject({ runId, status: "COMPLETED" });
  });

  it("a run that does not exist is RUN_NOT_FOUND, and the host stops", async () => {
    const { run, host } = open();
    await expect(run({ command: { workflowRunId: "nope" } })).rejects.toMatchObject({ code: "RUN_NOT_FOUND" });
    expect(host.getStats().isRunning).toBe(false);
  });

  it("P5: a run that fails is an answer, not a rejection", async () => {
    const { run } = open(
      workflowOf(
        step("a", () => {
          throw Object.assign(new Error("no paper"), { code: "FATAL" });
        }),
      ),
    );
    expect(await run()).toMatchObject({ status: "FAILED", error: "no paper", output: null });
  });

  it("tells each change of a stage once, the last one included", async () => {
    const { run } = open();
    const changes: string[] = [];
    await run({ onStageChange: ({ stageId, status }: StageSnapshot) => changes.push(`${stageId} ${status}`) });
    expect(new Set(changes).size).toBe(changes.length);
    expect(changes).toContain("a COMPLETED");
    expect(changes.at(-1)).toBe("b COMPLETED");
  });

  it("P8: an abort cancels the run, with its reason, and answers CANCELLED", async () => {
    const { run, environment } = open(endless);
    const controller = new AbortController();
    environment.setTimer(5_000, () => controller.abort(new Error("enough")));
    expect(await run({ signal: controller.signal })).toMatchObject({ status: "CANCELLED", error: "enough" });
  });

  it("P8: a signal that has aborted already cancels the run, also one that exists and runs", async () => {
    const { run, create, host, environment, stageOf } = open(endless);
    await host.start();
    const runId = await create();
    await environment.advance(0);
    expect(await stageOf(runId, "a")).toMatchObject({ status: "RUNNING" });
    const signal = AbortSignal.abort("stop");
    expect(await run({ command: { workflowRunId: runId }, signal })).toMatchObject({ runId, status: "CANCELLED", error: "stop" });
    expect(await run({ signal })).toMatchObject({ status: "CANCELLED" });
    await host.stop();
  });

  it("P8: a cancel that the store refused is tried again", async () => {
    const { run, store } = open(endless);
    const transact = store.runStore.transact.bind(store.runStore);
    let refused = 0;
    vi.spyOn(store.runStore, "transact").mockImplementation((unit) => {
      if (unit.stage === undefined && unit.key === undefined && refused++ < 3) return Promise.reject(new Error("down"));
      return transact(unit);
    });
    expect(await run({ signal: AbortSignal.abort("stop") })).toMatchObject({ status: "CANCELLED" });
    expect(refused).toBeGreaterThan(3);
  });

  it("an abort after the end changes nothing, and no listener is left on the signal", async () => {
    const { run } = open();
    const controller = new AbortController();
    const [add, remove] = [vi.spyOn(controller.signal, "addEventListener"), vi.spyOn(controller.signal, "removeEventListener")];
    expect(await run({ signal: controller.signal })).toMatchObject({ status: "COMPLETED" });
    expect(remove.mock.calls.length).toBe(add.mock.calls.length);
    controller.abort();
  });

  it("P7: a big output is a reference, or its value when there is a blob store to ask", async () => {
    const { run, store } = open(workflowOf(step("a", () => "x".repeat(40_000))));
    expect((await run()).output).toMatchObject({ $blob: expect.any(String) });
    expect((await run({ blobStore: store.blobStore })).output).toBe("x".repeat(40_000));
  });
});
