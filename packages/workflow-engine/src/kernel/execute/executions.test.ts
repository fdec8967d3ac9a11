// The executions a process holds: heard of, and watched.
import { describe, expect, it, vi } from "vitest";
import type { AnyWorkflow } from "../../define/workflow.ts";
import { createMemoryStore } from "../../memory/memory-store.ts";
import type { ExecutionRef } from "../../ports/store.ts";
import { chain, step, waiting } from "../../testing/workflows.ts";
import { settle } from "../rules/settle.ts";
import { startRun } from "../rules/start-run.ts";
import { createFakeEnvironment } from "../testing/fake-environment.ts";
import { Executions } from "./executions.ts";

const instance = { id: "i1", workerId: "w1" };
const simple = chain(
  "w",
  step("a", () => 1),
);
const batch = chain(
  "w",
  waiting("a", () => ({ ready: false })),
);

/** Executions over a store with one started run of this workflow, whose stage is leased to the instance. */
async function open(workflow: AnyWorkflow = simple) {
  const environment = createFakeEnvironment();
  const { runStore, persistence } = createMemoryStore({ environment });
  await persistence.createRun({ id: "r1", workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
  await runStore.claimRuns(
    { max: 1, workflowIds: ["w"] },
    startRun(() => workflow.plan, null),
  );
  const [job] = await runStore.takeJobs({ instance, max: 1, workflowIds: ["w"] });
  const executions = new Executions(runStore, environment, instance, { heartbeatMs: 15_000, lostCheckMs: 500 });
  const cancel = () =>
    runStore.transact({ runId: "r1", decide: () => ({ result: null, endOpen: "CANCELLED", run: { status: "CANCELLED" } }) });
  return { environment, runStore, executions, ref: job as ExecutionRef, cancel, plan: workflow.plan };
}

/** The same, with the stage suspended and its poll held. */
async function openPoll() {
  const opened = await open(batch);
  const { runStore, environment, plan, ref } = opened;
  const at = environment.now();
  const wait = { nextPollAt: at, pollIntervalMs: 1, maxWaitUntil: at + 10 ** 9 };
  await runStore.transact({
    runId: "r1",
    stage: { stageId: "a", item: 0 },
    decide: settle({
      ...{ plan, ref, from: "RUNNING", retry: "engine", advances: true, taker: null, logs: [], progress: [] },
      outcome: { kind: "suspended", state: '{"batchId":"b"}', metrics: null, ...wait },
    }),
  });
  const [poll] = await runStore.takePolls({ max: 1, holdMs: 60_000, workflowIds: ["w"] });
  return { ...opened, poll: poll as ExecutionRef };
}

describe("Executions", () => {
  it("P13: says every 15 s that it lives, while it holds something", async () => {
    const { environment, runStore, executions, ref } = await open();
    const heartbeat = vi.spyOn(runStore, "heartbeat");
    const held = executions.hold(ref);
    await environment.advance(14_999);
    expect(heartbeat).not.toHaveBeenCalled();
    await environment.advance(30_001);
    expect(heartbeat.mock.calls).toEqual([[instance], [instance], [instance]]);
    held.end();
    await environment.advance(60_000);
    expect(heartbeat).toHaveBeenCalledTimes(3);
  });

  it("P16: nothing runs while nothing is held, and it watches again when something is", async () => {
    const { environment, runStore, executions, ref } = await open();
    expect(environment.timers()).toEqual([]);
    executions.hold(ref).end();
    await environment.advance(500);
    expect([environment.timers(), executions.size]).toEqual([[], 0]);
    const listLost = vi.spyOn(runStore, "listLost");
    executions.hold(ref);
    await environment.advance(1_000);
    expect(listLost).toHaveBeenCalled();
  });

  it("P8: a cancel in this process aborts at once", async () => {
    const { environment, executions, ref, cancel } = await open();
    const { abort } = executions.hold(ref);
    await cancel();
    await environment.settle();
    expect(abort.isAborted && abort.signal.reason).toMatchObject({ code: "EXECUTION_LOST" });
  });

  it("P8: a cancel that nobody signals aborts within a second", async () => {
    const { environment, runStore, executions, ref, cancel } = await open();
    vi.spyOn(runStore, "onSignal").mockReturnValue(() => undefined);
    const deaf = new Executions(runStore, environment, instance, { heartbeatMs: 15_000, lostCheckMs: 500 });
    const { abort } = deaf.hold(ref);
    await environment.advance(600);
    expect(abort.isAborted).toBe(false);
    await cancel();
    await environment.advance(1_000);
    expect(abort.isAborted).toBe(true);
    expect(executions.size).toBe(0);
  });

  it("P13: an execution whose stage went to another worker is aborted", async () => {
    const { environment, runStore, executions, ref } = await open();
    const { abort } = executions.hold(ref);
    await runStore.transact({
      runId: "r1",
      decide: () => ({ result: null, stages: [{ stageId: "a", item: 0, set: { executionId: "another" } }] }),
    });
    await environment.settle();
    expect(abort.isAborted).toBe(true);
  });

  it("a store out of reach is no loss: nothing is aborted, nothing is unhandled", async () => {
    const { environment, runStore, executions, ref } = await open();
    const down = async (): Promise<never> => Promise.reject(new Error("down"));
    for (const method of ["listLost", "heartbeat", "transact"] as const) vi.spyOn(runStore, method).mockImplementation(down);
    const held = executions.hold(ref);
    const poll = executions.hold({ ...ref, executionId: "p" }, "SUSPENDED");
    await environment.advance(40_000);
    expect([held.abort.isAborted, poll.abort.isAborted]).toEqual([false, false]);
  });

  it("P10: a look at a suspended stage may take its time: its signal stays quiet while its run goes on", async () => {
    const { environment, executions, poll } = await openPoll();
    const { abort } = executions.hold(poll, "SUSPENDED");
    await environment.advance(40_000);
    expect(abort.isAborted).toBe(false);
  });

  it("P10: a look is held for as long as it says that it lives, and a dead poller is replaced after four heartbeats", async () => {
    const { environment, runStore, executions, poll } = await openPoll();
    const isFree = async () => (await runStore.takePolls({ max: 1, holdMs: 60_000, workflowIds: ["w"] })).length > 0;
    expect(executions.pollHoldMs).toBe(60_000);
    const held = executions.hold(poll, "SUSPENDED");
    await environment.advance(100_000);
    expect([await isFree(), held.abort.isAborted]).toEqual([false, false]);
    held.end();
    await held.quiet();
    await environment.advance(40_000);
    expect(await isFree()).toBe(false);
    await environment.advance(20_000);
    expect(await isFree()).toBe(true);
  });

  it("P8: a cancel aborts the look at a suspended stage too", async () => {
    const { environment, executions, poll, cancel } = await openPoll();
    const { abort } = executions.hold(poll, "SUSPENDED");
    await cancel();
    await environment.settle();
    expect(abort.isAborted).toBe(true);
  });

  it("aborts those it is told to, and no others", async () => {
    const { executions, ref } = await open();
    const one = executions.hold(ref);
    const other = executions.hold({ ...ref, executionId: "x2" });
    executions.abort([ref, { ...ref, executionId: "nobody" }], new Error("stopping"));
    expect([one.abort.isAborted, other.abort.isAborted, executions.has(ref.executionId)]).toEqual([true, false, true]);
  });
});
