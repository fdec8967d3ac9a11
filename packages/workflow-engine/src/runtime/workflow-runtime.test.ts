// The runtime of seed 003: its lines, its defaults, its lifecycle.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createRegistry } from "../kernel/registry.ts";
import { createFakeEnvironment } from "../kernel/testing/index.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import { chain, step, waiting } from "../testing/workflows.ts";
import { createWorkflowRuntime, type WorkflowRuntimeConfig } from "./workflow-runtime.ts";

const workflow = chain(
  "document-analysis",
  step("extract", ({ input }) => input),
);

function open(config: Partial<WorkflowRuntimeConfig> = {}, ...workflows: Parameters<typeof createRegistry>[0][number][]) {
  const environment = createFakeEnvironment();
  const store = createMemoryStore({ environment });
  const registry = createRegistry(workflows.length > 0 ? workflows : [workflow]);
  const runtime = createWorkflowRuntime({ ...store, registry, workerId: "w1", handleSignals: false, ...config });
  return { environment, store, runtime };
}

let lines: string[];
beforeEach(() => {
  lines = [];
  vi.spyOn(console, "log").mockImplementation((line) => void lines.push(String(line)));
});
afterEach(() => void vi.restoreAllMocks());

describe("createWorkflowRuntime", () => {
  it("prints the lines of seed 003", async () => {
    const { runtime, environment } = open();
    await runtime.start();
    await runtime.start(); // changes nothing
    const { workflowRunId } = await runtime.createRun({ workflowId: "document-analysis", input: { url: "u" } });
    await environment.advance(0);
    await environment.settle();
    for (let i = 0; i < 9; i++) await runtime.createRun({ workflowId: "document-analysis", input: {} });
    await environment.advance(0);
    await runtime.stop();
    expect(lines.slice(0, 6)).toEqual([
      "[Runtime] Starting worker w1",
      "[Runtime] Poll interval: 10000ms, Job poll: 1000ms",
      `[Runtime] Created WorkflowRun ${workflowRunId} for document-analysis`,
      "[Runtime] Found 1 pending workflows",
      `[Runtime] Started workflow ${workflowRunId}`,
      `[Runtime] Processing stage extract for workflow ${workflowRunId}`,
    ]);
    expect(lines).toContain(`[Runtime] Workflow ${workflowRunId} completed`);
    expect(lines).toContain("[Runtime] Worker w1: processed 10 jobs");
    expect(runtime.getStats()).toMatchObject({ workerId: "w1", jobsProcessed: 10, isRunning: false });
  });

  it("prints nothing when quiet, and works all the same", async () => {
    const { runtime, environment, store } = open({ quiet: true });
    expect(runtime.getStats()).toBeNull();
    const { workflowRunId } = await runtime.createRun({ workflowId: "document-analysis", input: {} });
    expect(await store.persistence.getRunStatus(workflowRunId)).toBe("PENDING"); // nothing runs before start
    await runtime.start();
    await environment.advance(0);
    expect(await store.persistence.getRunStatus(workflowRunId)).toBe("COMPLETED");
    await runtime.stop();
    await runtime.start();
    expect(runtime.getStats()).toMatchObject({ isRunning: true });
    await runtime.close();
    expect(lines).toEqual([]);
  });

  it("createRun: priority of its own, of the function, or 5; metadata and config are kept; what does not fit is refused", async () => {
    const { runtime, store } = open({ getWorkflowPriority: (id) => id.length });
    const runOf = async (options: object) => {
      const { workflowRunId } = await runtime.createRun({ workflowId: "document-analysis", input: {}, ...options });
      return store.persistence.getRun(workflowRunId);
    };
    const metadata = { userId: "user-123" };
    expect(await runOf({ priority: 8, metadata, config: { extract: { maxLength: 5 } } })).toMatchObject({
      ...{ priority: 8, metadata, config: { extract: { maxLength: 5 } }, status: "PENDING" },
    });
    expect(await runOf({})).toMatchObject({ priority: 17 });
    await expect(runtime.createRun({ workflowId: "nope", input: {} })).rejects.toThrow("Workflow nope not found in registry");
  });

  it("transitionWorkflow and pollSuspendedStages do by hand what a worker does by itself", async () => {
    const { runtime, environment, store } = open(
      {},
      chain(
        "w",
        waiting("a", () => ({ ready: true, output: 1 })),
        step("b", ({ input }) => input),
      ),
    );
    const { workflowRunId } = await runtime.createRun({ workflowId: "w", input: {} });
    await runtime.kernel.dispatch({ type: "run.claimPending", workerId: "x" });
    await runtime.kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "a" });
    await environment.advance(1_000);
    await runtime.pollSuspendedStages();
    expect(await store.persistence.getStage(workflowRunId, "b")).toMatchObject({ status: "PENDING" });
    await runtime.kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "b" });
    await runtime.transitionWorkflow(workflowRunId);
    expect(await store.persistence.getRun(workflowRunId)).toMatchObject({ status: "COMPLETED", output: 1 });
  });

  it("createLogContext writes log lines of a stage", async () => {
    const { runtime, store, environment } = open();
    await runtime.start();
    const { workflowRunId } = await runtime.createRun({ workflowId: "document-analysis", input: {} });
    await environment.advance(0);
    const stage = await store.persistence.getStage(workflowRunId, "extract");
    const context = runtime.createLogContext(workflowRunId, stage!.id);
    expect(context).toMatchObject({ workflowRunId, stageRecordId: stage!.id });
    await context.createLog({ level: "INFO", message: "batch sent" });
    expect((await store.reader.listLogs(workflowRunId, {})).items.map(({ message }) => message)).toContain("batch sent");
    await runtime.stop();
  });

  it("createAIHelper is bound to the runtime's logger, and says what to do without one", async () => {
    const { runtime, store } = open();
    const ai = runtime.createAIHelper("my-task", runtime.createLogContext("r1", "s1"));
    await ai.recordCall("gemini-2.5-flash", "prompt", "response", { input: 1, output: 2 });
    expect(await store.aiCallLogger.getStats("my-task")).toMatchObject({ totalCalls: 1 });
    const { persistence, jobTransport } = store;
    const bare = createWorkflowRuntime({ persistence, jobQueue: jobTransport, registry: createRegistry([workflow]), quiet: true });
    expect(() => bare.createAIHelper("my-task")).toThrow("[Runtime] AICallLogger not configured. Pass aiCallLogger in config.");
  });

  it("with a registry alone it keeps a SQLite file in the working directory", async () => {
    const folder = mkdtempSync(join(tmpdir(), "runtime-"));
    const back = process.cwd();
    process.chdir(folder);
    const registry = createRegistry([workflow]);
    try {
      const runtime = createWorkflowRuntime({ registry });
      await runtime.start();
      expect(lines[0]).toMatch(new RegExp(`^\\[Runtime\\] Starting worker worker-${process.pid}-.+`));
      const { workflowRunId } = await runtime.createRun({ workflowId: "document-analysis", input: { a: 1 } });
      await vi.waitFor(async () => expect(await runtime.persistence.getRunStatus(workflowRunId)).toBe("COMPLETED"), 10_000);
      await runtime.close();
      expect(existsSync(join(folder, ".workflow-engine", "workflow-engine.db"))).toBe(true);
      const again = createWorkflowRuntime({ registry, quiet: true });
      expect(await again.persistence.getRun(workflowRunId)).toMatchObject({ output: { a: 1 } });
      await again.close();
    } finally {
      process.chdir(back);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
