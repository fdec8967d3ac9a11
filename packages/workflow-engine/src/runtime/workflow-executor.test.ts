// The executor of seed 003: executes here and now, reruns from a stage, goes on where it stands.
import { describe, expect, it } from "vitest";
import { createFakeEnvironment } from "../kernel/testing/index.ts";
import { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import { chain, createGate, step, waiting } from "../testing/workflows.ts";
import { WorkflowExecutor, type WorkflowExecutorConfig } from "./workflow-executor.ts";

const runId = "run-1";

/** Four stages in a row, as seed 003 has them, and how often each was executed. */
function four() {
  const executed: string[] = [];
  const contexts: Record<string, string[]> = {};
  const fails = new Set<string>();
  const stages = [1, 2, 3, 4].map((n) =>
    step(
      `stage-${n}`,
      ({ input, config, workflowContext, stageId }) => {
        executed.push(stageId);
        contexts[stageId] = Object.keys(workflowContext);
        if (fails.has(stageId)) throw new Error(`${stageId} broke`);
        return `${String((input as { text?: string }).text ?? input)}${n}${String(config["suffix"] ?? "")}`;
      },
      { retry: { maxAttempts: 1 } },
    ),
  );
  return { workflow: chain("my-workflow", ...stages), executed, contexts, fails };
}

function open(kind: "native" | "crud" = "native") {
  const environment = createFakeEnvironment();
  const store = createMemoryStore({ environment });
  const config: WorkflowExecutorConfig =
    kind === "native" ? { ...store } : { persistence: new InMemoryWorkflowPersistence({ environment }), environment };
  return { environment, config, persistence: config.persistence };
}

for (const kind of ["native", "crud"] as const) {
  describe(`WorkflowExecutor on a ${kind} store`, () => {
    it("executes a run to its output, and tells its events as they are committed", async () => {
      const { config, persistence } = open(kind);
      const { workflow } = four();
      const executor = new WorkflowExecutor(workflow, runId, "my-workflow", config);
      const seen: string[] = [];
      for (const type of ["workflow:created", "workflow:started", "stage:started", "stage:completed"] as const) {
        executor.on(type, (event) => seen.push(`${type} ${"stageId" in event ? event.stageId : event.workflowRunId}`));
      }
      let completed: unknown;
      executor.once("workflow:completed", (event) => (completed = [event.output, event.timestamp instanceof Date]));
      expect(await executor.execute({ text: "x" }, {})).toBe("x1234");
      expect(seen.slice(0, 4)).toEqual([
        "workflow:created run-1",
        "workflow:started run-1",
        "stage:started stage-1",
        "stage:completed stage-1",
      ]);
      expect(completed).toEqual(["x1234", true]);
      expect(await persistence.getRun(runId)).toMatchObject({ id: runId, status: "COMPLETED", output: "x1234" });
    });

    it("P9: fromStage reruns from there with what came before, and forgets what came after", async () => {
      const { config } = open(kind);
      const { workflow, executed, contexts, fails } = four();
      fails.add("stage-3");
      const executor = new WorkflowExecutor(workflow, runId, "my-workflow", config);
      await expect(executor.execute({ text: "x" }, {})).rejects.toThrow("stage-3 broke");
      fails.clear();
      executed.length = 0;
      expect(await executor.execute({ text: "ignored" }, {}, { fromStage: "stage-3" })).toBe("x1234");
      expect(executed).toEqual(["stage-3", "stage-4"]);
      expect(contexts["stage-3"]).toEqual(["stage-1", "stage-2"]);
      expect(await executor.execute({}, { "stage-2": { suffix: "!" } }, { fromStage: "stage-2" })).toBe("x12!34");
      executed.length = 0;
      expect(await executor.execute({}, {}, { fromStage: "stage-1" })).toBe("x1234");
      expect(executed).toHaveLength(4);
    });

    it("says what seed 003 says about stages that are not there, or not ready", async () => {
      const { config, persistence } = open(kind);
      const executor = new WorkflowExecutor(four().workflow, runId, "my-workflow", config);
      await expect(executor.execute({ text: "x" }, {}, { fromStage: "non-existent" })).rejects.toThrow(
        'Stage "non-existent" not found in workflow "my-workflow"',
      );
      await expect(executor.execute({ text: "x" }, {}, { fromStage: "stage-3" })).rejects.toThrow(
        'Cannot rerun from stage "stage-3": no completed stages found before execution group 3',
      );
      expect(await persistence.getRun(runId)).toBeNull();
      expect(await executor.execute({ text: "x" }, {}, { fromStage: "stage-1" })).toBe("x1234"); // a fresh start needs nothing before it
    });

    it("P5: retries as the stage says, in its own time", async () => {
      const { config, environment, persistence } = open(kind);
      const workflow = chain(
        "w",
        { stages: [step("a", ({ attempt }) => (attempt < 3 ? Promise.reject(new Error("e")) : attempt)), step("b", () => "b")] },
        step("c", ({ input }) => input),
      );
      const executor = new WorkflowExecutor(workflow, runId, "w", config);
      const retriesAt: number[] = [];
      const startedAt = environment.now();
      executor.on("stage:retrying", ({ retryAt }) => retriesAt.push(retryAt.getTime() - startedAt));
      const output = executor.execute({}, {});
      await environment.advance(999);
      expect(await persistence.getStage(runId, "a")).toMatchObject({ status: "PENDING", attempt: 1 }); // its backoff is not over
      await environment.advance(10_000);
      expect(await output).toEqual({ a: 3, b: "b" });
      expect(retriesAt).toHaveLength(2);
      expect(await persistence.getStage(runId, "a")).toMatchObject({ status: "COMPLETED", attempt: 3 });
      expect(environment.timers()).toEqual([]);
    });

    it("P10: answers suspended, and resumes when the stage is due and ready", async () => {
      const { config, environment } = open(kind);
      let isReady = false;
      const workflow = chain(
        "w",
        waiting("a", () => ({ ready: isReady, output: "done" }), { pollInterval: 1_000 }),
        step("b", ({ input }) => input),
      );
      const executor = new WorkflowExecutor(workflow, runId, "w", config);
      expect(await executor.execute({}, {})).toBe("suspended");
      expect(await executor.execute({}, {})).toBe("suspended");
      isReady = true;
      expect(await executor.execute({}, {}, { resume: true })).toBe("suspended"); // not due yet
      await environment.advance(1_000);
      expect(await executor.execute({}, {}, { resume: true })).toBe("done");
    });

    it("resume goes on from the stage that failed", async () => {
      const { config } = open(kind);
      const { workflow, executed, fails } = four();
      fails.add("stage-2");
      const executor = new WorkflowExecutor(workflow, runId, "my-workflow", config);
      await expect(executor.execute({ text: "x" }, {})).rejects.toThrow("stage-2 broke");
      fails.clear();
      expect(await executor.execute({}, {}, { resume: true })).toBe("x1234");
      expect(executed).toEqual(["stage-1", "stage-2", "stage-2", "stage-3", "stage-4"]);
    });

    it("an ended run that is executed without options starts over", async () => {
      const { config } = open(kind);
      const { workflow, executed } = four();
      const executor = new WorkflowExecutor(workflow, runId, "my-workflow", config);
      await executor.execute({ text: "x" }, {});
      expect(await executor.execute({ text: "y" }, {})).toBe("x1234"); // under the input it was created with
      expect(executed).toHaveLength(8);
    });
  });
}

describe("WorkflowExecutor", () => {
  it("P8: answers cancelled, and its stage hears of it", async () => {
    const { config, environment } = open();
    const gate = createGate();
    const signals: AbortSignal[] = [];
    const workflow = chain(
      "w",
      step("a", (ctx) => {
        signals.push(ctx.signal);
        return gate.wait();
      }),
    );
    const executor = new WorkflowExecutor(workflow, runId, "w", config);
    const output = executor.execute({}, {});
    await environment.settle();
    const other = new WorkflowExecutor(workflow, runId, "w", config);
    await cancel(other, config);
    await environment.advance(1_000);
    expect(await output).toBe("cancelled");
    expect(signals[0]?.aborted).toBe(true);
  });

  it("P14: goes on with a run whose process died", async () => {
    const { config, environment } = open();
    let executions = 0;
    const gate = createGate();
    const workflow = chain(
      "w",
      step("a", () => "a"),
      step("b", () => ((executions += 1) === 1 ? gate.wait() : "b")),
    );
    const dead = { ...environment, setTimer: () => () => undefined };
    void new WorkflowExecutor(workflow, runId, "w", { ...config, environment: dead }).execute({}, {});
    await environment.settle();
    const output = new WorkflowExecutor(workflow, runId, "w", config).execute({}, {});
    await environment.advance(70_000);
    expect(await output).toBe("b");
    expect(executions).toBe(2);
  });

  it("listeners: once, off, and one that throws", async () => {
    const { config } = open();
    const executor = new WorkflowExecutor(four().workflow, runId, "w", config);
    const calls: string[] = [];
    const listener = (): void => void calls.push("on");
    executor.on("stage:completed", listener).once("stage:completed", () => calls.push("once"));
    executor.addListener("workflow:started", () => {
      throw new Error("not the run's business");
    });
    executor.on("workflow:completed", () => executor.removeListener("stage:completed", listener));
    expect(await executor.execute({ text: "x" })).toBe("x1234");
    expect(calls.toSorted()).toEqual(["on", "on", "on", "on", "once"]);
    expect([executor.listenerCount("stage:completed"), executor.listenerCount("workflow:started")]).toEqual([0, 1]);
    executor.removeAllListeners();
    expect(executor.listenerCount("workflow:started")).toBe(0);
  });
});

async function cancel(executor: WorkflowExecutor, config: WorkflowExecutorConfig): Promise<void> {
  const { createKernel } = await import("../defaults.ts");
  const registry = { getWorkflow: () => executor.workflow };
  await createKernel({ ...config, registry }).dispatch({ type: "run.cancel", workflowRunId: runId });
}
