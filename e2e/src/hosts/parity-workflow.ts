// The workflow that every host has to bring to the same end: a parallel group, a retry in it, and a suspension.
import { defineAsyncBatchStage, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { z } from "zod";

const number = z.object({ n: z.number() });
const config = z.object({});

const start = defineStage({
  ...{ id: "start", name: "Start", schemas: { input: number, output: number, config: z.object({ add: z.number().default(1) }) } },
  execute: async (ctx) => {
    ctx.log("INFO", "starting", { n: ctx.input.n });
    return { output: { n: ctx.input.n + ctx.config.add } };
  },
});

const flaky = defineStage({
  ...{ id: "flaky", name: "Flaky", schemas: { input: number, output: number, config } },
  execute: async (ctx) => {
    if (ctx.attempt < 3) throw new Error(`attempt ${ctx.attempt} failed`);
    return { output: { n: ctx.input.n * 10 } };
  },
});

const steady = defineStage({
  ...{ id: "steady", name: "Steady", schemas: { input: number, output: number, config } },
  execute: async (ctx) => {
    ctx.onProgress({ progress: 50, message: "half" });
    return { output: { n: ctx.input.n * 100 }, artifacts: { report: { lines: 3 } } };
  },
});

const batch = defineAsyncBatchStage({
  ...{ id: "batch", name: "Batch", mode: "async-batch" as const },
  schemas: { input: z.object({ flaky: number, steady: number }), output: number, config },
  execute: async (ctx) => {
    if (ctx.resumeState) return { output: { n: Number(ctx.resumeState.metadata?.["sum"]) } };
    const sum = ctx.input.flaky.n + ctx.input.steady.n;
    return { suspended: true, state: { batchId: "b1", metadata: { sum } }, pollConfig: { pollInterval: 2_000 } };
  },
  checkCompletion: async () => ({ ready: true }),
});

const finish = defineStage({
  ...{ id: "finish", name: "Finish", schemas: { input: number, output: z.object({ total: z.number() }), config } },
  execute: async (ctx) => ({ output: { total: ctx.input.n + ctx.require("start").n } }),
});

/** Ends with `{ total: 11 * 10 * (n + 1) + n + 1 }`. */
export const parityWorkflow = defineWorkflow({ id: "parity", name: "Parity", input: number })
  .pipe(start)
  .parallel([flaky, steady])
  .pipe(batch)
  .pipe(finish)
  .build();
