// The workflows of the crash tests. Every stage leaves lines in a journal outside the database (see journal.ts), so that executions can be
// counted and workers be killed in the middle of one.
import { appendFileSync } from "node:fs";
import { defineAsyncBatchStage, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
import { z } from "zod";

const Numbered = z.object({ n: z.number() });
const Slow = Numbered.extend({ again: z.number().optional() });
const NoConfig = z.object({});
/** Long enough for the workers to be busy whenever one of them is killed. */
const workMs = 200;

/** Notes what becomes of an execution, in one piece; the journal's path comes from the environment of the worker. */
function note(what: ReadonlyArray<"run" | "end">, runId: string, stageId: string, attempt: number): void {
  const journal = process.env["E2E_JOURNAL"];
  if (journal) appendFileSync(journal, what.map((word) => `${word} ${runId} ${stageId} ${attempt} ${process.pid}\n`).join(""));
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function step(id: string) {
  return defineStage({
    id,
    name: id,
    schemas: { input: Numbered, output: Numbered, config: NoConfig },
    retry: { initialMs: 20, maxAttempts: 20 },
    async execute(ctx) {
      note(["run"], ctx.workflowRunId, id, ctx.attempt);
      ctx.log("INFO", `${id} at work`);
      await pause(workMs);
      note(["end"], ctx.workflowRunId, id, ctx.attempt);
      return { output: { n: ctx.input.n + 1 } };
    },
  });
}

/** Three stages in a row. */
export const sequential = defineWorkflow({ id: "sequential", name: "Sequential", input: Numbered })
  .pipe(step("a"))
  .pipe(step("b"))
  .pipe(step("c"))
  .build();

/** One stage, four siblings, one that sums them up. */
export const parallel = defineWorkflow({ id: "parallel", name: "Parallel", input: Numbered })
  .pipe(step("first"))
  .parallel([step("p1"), step("p2"), step("p3"), step("p4")])
  .pipe(
    defineStage({
      id: "sum",
      name: "sum",
      schemas: { input: z.record(z.string(), Numbered), output: Numbered, config: NoConfig },
      retry: { initialMs: 20, maxAttempts: 20 },
      async execute(ctx) {
        note(["run", "end"], ctx.workflowRunId, "sum", ctx.attempt);
        return { output: { n: Object.values(ctx.input).reduce((sum, part) => sum + part.n, 0) } };
      },
    }),
  )
  .build();

/** A stage that always fails, after one that works. */
export const failing = defineWorkflow({ id: "failing", name: "Failing", input: Numbered })
  .pipe(step("works"))
  .pipe(
    defineStage({
      id: "fails",
      name: "fails",
      schemas: { input: Numbered, output: Numbered, config: NoConfig },
      retry: { initialMs: 20, maxAttempts: 3 },
      async execute(ctx): Promise<{ output: { n: number } }> {
        note(["run", "end"], ctx.workflowRunId, "fails", ctx.attempt);
        throw new Error("this stage always fails");
      },
    }),
  )
  .build();

/** A stage that waits for something outside, and is ready at its third look. */
export const suspending = defineWorkflow({ id: "suspending", name: "Suspending", input: Numbered })
  .pipe(
    defineAsyncBatchStage({
      id: "batch",
      name: "batch",
      mode: "async-batch",
      schemas: { input: Numbered, output: Numbered, config: NoConfig },
      retry: { initialMs: 20, maxAttempts: 20 },
      async execute(ctx) {
        note(["run", "end"], ctx.workflowRunId, "batch", ctx.attempt);
        return {
          suspended: true,
          state: { batchId: `b-${ctx.input.n}`, metadata: { n: ctx.input.n, readyAt: Date.now() + 60 } },
          pollConfig: { pollInterval: 30 },
        };
      },
      async checkCompletion(state) {
        const { n, readyAt } = state.metadata as { n: number; readyAt: number };
        return Date.now() < readyAt ? { ready: false, nextCheckIn: 30 } : { ready: true, output: { n: n + 1 } };
      },
    }),
  )
  .pipe(step("after"))
  .build();

/** A stage that kills its process, every time. */
export const poison = defineWorkflow({ id: "poison", name: "Poison", input: Numbered })
  .pipe(
    defineStage({
      id: "bomb",
      name: "bomb",
      schemas: { input: Numbered, output: Numbered, config: NoConfig },
      retry: { maxAttempts: 3 },
      async execute(ctx): Promise<{ output: { n: number } }> {
        note(["run"], ctx.workflowRunId, "bomb", ctx.attempt);
        process.kill(process.pid, "SIGKILL");
        await pause(10_000);
        return { output: { n: ctx.input.n } };
      },
    }),
  )
  .build();

/** A stage that takes `n` milliseconds, and `again` when it is executed again, whatever its signal says: a zombie when its worker is stopped. */
export const slow = defineWorkflow({ id: "slow", name: "Slow", input: Slow })
  .pipe(
    defineStage({
      id: "crawl",
      name: "crawl",
      schemas: { input: Slow, output: z.object({ by: z.number() }), config: NoConfig },
      retry: { maxAttempts: 5 },
      async execute(ctx) {
        note(["run"], ctx.workflowRunId, "crawl", ctx.attempt);
        await pause(ctx.attempt > 1 ? (ctx.input.again ?? ctx.input.n) : ctx.input.n);
        note(["end"], ctx.workflowRunId, "crawl", ctx.attempt);
        return { output: { by: process.pid } };
      },
    }),
  )
  .build();

function instant(id: string) {
  return defineStage({
    ...{ id, name: id, schemas: { input: Numbered, output: Numbered, config: NoConfig } },
    execute: async ({ input }) => ({ output: { n: input.n + 1 } }),
  });
}

/** Three stages that take no time. */
export const quick = defineWorkflow({ id: "quick", name: "Quick", input: Numbered })
  .pipe(instant("q1"))
  .pipe(instant("q2"))
  .pipe(instant("q3"))
  .build();

/** Everything a worker of the crash tests knows. */
export const workflows = [sequential, parallel, failing, suspending, poison, slow, quick];
