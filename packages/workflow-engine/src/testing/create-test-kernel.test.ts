// What people test their workflows with.
import { describe, expect, it } from "vitest";
import { createTestKernel } from "./create-test-kernel.ts";
import { chain, createGate, step, waiting } from "./workflows.ts";

const day = 24 * 60 * 60_000;

describe("createTestKernel", () => {
  it("drives a run that waits for days to its end, and answers run, stages and events", async () => {
    let polls = 0;
    const stage = waiting("a", () => ({ ready: (polls += 1) === 3, output: { n: 1 } }), { pollInterval: day, maxWaitTime: 9 * day });
    const { runToEnd, environment, sink } = createTestKernel({
      workflows: [
        chain(
          "w",
          stage,
          step("b", ({ input }) => input),
        ),
      ],
    });
    const startedAt = environment.now();
    const { run, stages, events } = await runToEnd({ workflowId: "w", input: {} });
    expect(run).toMatchObject({ status: "COMPLETED", output: { n: 1 } });
    expect(stages).toMatchObject({ a: { status: "COMPLETED" }, b: { status: "COMPLETED" } });
    expect(events.at(-1)?.type).toBe("workflow:completed");
    expect(sink.length).toBe(events.length);
    expect(environment.now() - startedAt).toBeGreaterThanOrEqual(3 * day);
  });

  it("answers a run that failed, too", async () => {
    const { runToEnd } = createTestKernel({
      workflows: [
        chain(
          "w",
          step("a", () => Promise.reject(new Error("no"))),
        ),
      ],
    });
    const { run, stages } = await runToEnd({ workflowId: "w", input: {} });
    expect(run).toMatchObject({ status: "FAILED", errorMessage: "no" });
    expect(stages["a"]).toMatchObject({ attempt: 3 });
  });

  it("repeats itself for one seed", async () => {
    const once = async (seed: number) => {
      const { runToEnd } = createTestKernel({
        seed,
        workflows: [
          chain(
            "w",
            step("a", ({ attempt }) => (attempt < 3 ? Promise.reject(new Error("no")) : 1)),
          ),
        ],
      });
      return (await runToEnd({ workflowId: "w", input: {} })).run;
    };
    expect(await once(7)).toEqual(await once(7));
    expect((await once(7)).completedAt).not.toEqual((await once(8)).completedAt);
  });

  it("lets time pass with a worker at work, and begins when told", async () => {
    const { kernel, advance, store, environment } = createTestKernel({
      start: new Date("2030-06-01"),
      workflows: [
        chain(
          "w",
          step("a", () => 1),
        ),
      ],
    });
    expect(new Date(environment.now())).toEqual(new Date("2030-06-01"));
    const { workflowRunId } = await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} });
    await advance(1_000);
    expect(await store.persistence.getRunStatus(workflowRunId)).toBe("COMPLETED");
    expect(environment.now() - Date.UTC(2030, 5, 1)).toBe(1_000);
  });

  it("says so when a run does not end", async () => {
    let polls = 0;
    const stage = waiting("a", () => ({ ready: (polls += 1) > 1_000 }), { pollInterval: day, maxWaitTime: 99 * day });
    const { runToEnd } = createTestKernel({ workflows: [chain("w", stage)] });
    await expect(runToEnd({ workflowId: "w", input: {} }, { maxMs: day })).rejects.toThrow("has not ended");
    expect(createGate().waiting).toBe(0);
  });
});
