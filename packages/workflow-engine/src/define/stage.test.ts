// What becomes of a definition: its fields, its code kept whole, and policies that make no sense refused.

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createContextReader, type EnhancedStageContext } from "./context.ts";
import { isSuspendedResult } from "./outcome.ts";
import { defineAsyncBatchStage, defineStage, NoInputSchema } from "./stage.ts";

const Empty = z.object({});
const schemas = { input: z.object({ n: z.number() }), output: z.object({ n: z.number() }), config: Empty };

function contextOf(
  input: { n: number },
  outputs: Record<string, unknown> = {},
): EnhancedStageContext<{ n: number }, Record<string, never>> {
  const nothing = () => {};
  return {
    workflowRunId: "run",
    stageId: "s",
    stageNumber: 1,
    stageName: "S",
    attempt: 1,
    executionId: "execution",
    input,
    config: {},
    signal: new AbortController().signal,
    storage: {} as never,
    ai: {} as never,
    workflowContext: outputs,
    log: nothing,
    onLog: nothing,
    onProgress: nothing,
    ...createContextReader(outputs),
  };
}

describe("defineStage", () => {
  it("makes a sync stage of its definition", async () => {
    const retry = { maxAttempts: 2 };
    const stage = defineStage({
      id: "add",
      name: "Add",
      description: "Adds one",
      dependencies: ["before"],
      schemas,
      retry,
      timeoutMs: 5,
      budget: { tokens: 10 },
      execute: async (ctx) => ({ output: { n: ctx.input.n + 1 } }),
      estimateCost: (input) => input.n,
    });
    expect(stage).toMatchObject({ id: "add", name: "Add", description: "Adds one", dependencies: ["before"], mode: "sync" });
    expect(stage).toMatchObject({ retry, timeoutMs: 5, budget: { tokens: 10 }, inputSchema: schemas.input, configSchema: Empty });
    expect(stage.checkCompletion).toBeUndefined();
    expect(stage.estimateCost?.({ n: 3 }, {})).toBe(3);
    expect(await stage.execute(contextOf({ n: 1 }))).toEqual({ output: { n: 2 } });
  });

  it("reads earlier outputs in its curried form", async () => {
    const stage = defineStage<{ before: { n: number } }>()({
      id: "read",
      name: "Read",
      schemas: { ...schemas, input: "none" },
      execute: (ctx) => ({ output: { n: ctx.require("before").n } }),
    });
    expect(stage.inputSchema).toBe(NoInputSchema);
    expect(await stage.execute(contextOf({ n: 0 }, { before: { n: 7 } }) as never)).toEqual({ output: { n: 7 } });
  });

  it("turns a throw into a rejection and keeps the definition as this", async () => {
    const definition = {
      id: "this",
      name: "This",
      schemas,
      bias: 4,
      execute(ctx: { input: { n: number } }) {
        if (ctx.input.n === 0) throw new Error("zero");
        return { output: { n: ctx.input.n + this.bias } };
      },
    };
    const stage = defineStage(definition);
    expect(await stage.execute(contextOf({ n: 1 }))).toEqual({ output: { n: 5 } });
    await expect(stage.execute(contextOf({ n: 0 }))).rejects.toThrow("zero");
  });

  it.each(["", "__proto__"])("refuses the id %j", (id) => {
    expect(() => defineStage({ id, name: "Bad", schemas, execute: () => ({ output: { n: 1 } }) })).toThrow('Stage "Bad" needs an id');
  });

  it.each([
    [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts must be at least 1, got 0"],
    [{ retry: { jitter: 2 } }, "retry.jitter must be between 0 and 1, got 2"],
    [{ retry: { factor: Number.NaN } }, "retry.factor must be at least 1, got NaN"],
    [{ timeoutMs: 0 }, "timeoutMs must be at least 1, got 0"],
    [{ budget: { tokens: -1 } }, "budget.tokens must be at least 0, got -1"],
  ])("refuses %j", (policies, message) => {
    expect(() => defineStage({ id: "s", name: "S", schemas, ...policies, execute: () => ({ output: { n: 1 } }) })).toThrow(
      `Stage "s": ${message}`,
    );
  });
});

describe("defineAsyncBatchStage", () => {
  const definition = {
    id: "batch",
    name: "Batch",
    mode: "async-batch" as const,
    schemas,
    execute: async () => ({ suspended: true as const, state: { batchId: "b" } }),
    checkCompletion: async (state: { batchId: string }) => ({ ready: state.batchId === "b", output: { n: 1 } }),
  };

  it("makes a stage that suspends and is polled", async () => {
    const stage = defineAsyncBatchStage(definition);
    expect(stage.mode).toBe("async-batch");
    expect(isSuspendedResult(await stage.execute(contextOf({ n: 1 })))).toBe(true);
    expect(await stage.checkCompletion?.({ batchId: "b" }, {} as never)).toEqual({ ready: true, output: { n: 1 } });
  });

  it("looks at the stage's AI batch where it has no checkCompletion", async () => {
    const stage = defineAsyncBatchStage({ ...definition, checkCompletion: undefined });
    const ai = { checkBatch: async ({ batchId }: { batchId: string }) => ({ ready: batchId === "b" }) };
    expect(await stage.checkCompletion?.({ batchId: "b" }, { ai } as never)).toEqual({ ready: true });
  });

  it("refuses another mode, and a checkCompletion that is no function", () => {
    const message = 'Stage "batch" must have mode "async-batch", and a function as its checkCompletion.';
    expect(() => defineAsyncBatchStage({ ...definition, mode: "sync" as never })).toThrow(message);
    expect(() => defineAsyncBatchStage({ ...definition, checkCompletion: {} as never })).toThrow(message);
  });
});
