// P19: progress and logs are visible while the stage runs, not after it.
import type { Bench } from "../bench.ts";
import { readerOf } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch } from "../claims.ts";
import { createRun, hasEnded } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, createGate, type StepContext, step } from "../workflows.ts";

const requires = ["reader"] as const;

/** A stage that tells something and then waits at a gate, in a host that flushes. */
async function telling(bench: Bench, tell: (ctx: StepContext) => void) {
  const gate = createGate();
  const stage = step("a", async (ctx) => {
    tell(ctx);
    await gate.wait();
    ctx.log("INFO", "last line");
    return 1;
  });
  const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
  const runId = await createRun(kernel, { workflowId: "w", input: {} });
  const host = startHost(kernel);
  for (let i = 0; i < 50 && gate.waiting === 0; i++) await bench.advance(100);
  await bench.advance(500);
  const end = async (): Promise<void> => {
    gate.open();
    for (let i = 0; i < 100 && !(await hasEnded(bench, runId)()); i++) await bench.advance(100);
    await bench.pass(host.stop());
    expectEqual(host.errors, [], "errors of the host");
  };
  return { runId, end };
}

/** P19. */
export const progressSuite: Suite = {
  name: "P19 progress",
  cases: [
    claim(
      "P19",
      "log lines can be read while the stage runs, in order, with level, metadata and stage",
      async (bench) => {
        const { runId, end } = await telling(bench, (ctx) => {
          ctx.log("INFO", "begun", { items: 3 });
          ctx.onLog("WARN", "slow");
        });
        const { items } = await readerOf(bench).listLogs(runId);
        const stage = await bench.store.persistence.getStage(runId, "a");
        expectMatch(items, [
          { level: "INFO", message: "begun", metadata: { items: 3 }, workflowRunId: runId, workflowStageId: stage?.id },
          { level: "WARN", message: "slow", metadata: null },
        ]);
        expectMatch(stage, { status: "RUNNING" });
        await end();
        const after = await readerOf(bench).listLogs(runId);
        expectEqual(
          after.items.map(({ message }) => message),
          ["begun", "slow", "last line"],
        );
      },
      { requires },
    ),
    claim(
      "P19",
      "progress is told while the stage runs, as it was given",
      async (bench) => {
        const { runId, end } = await telling(bench, (ctx) => {
          ctx.onProgress({ progress: 0.1, message: "first" });
          ctx.onProgress({ progress: 40, message: "second", details: { page: 4 } });
        });
        expectMatch(bench.sink.getByType("stage:progress"), [
          { workflowRunId: runId, stageId: "a", progress: 0.1, message: "first" },
          { progress: 40, message: "second", details: { page: 4 } },
        ]);
        const detail = await readerOf(bench).getRunDetail(runId);
        expectMatch(detail?.stages, [{ stageId: "a", progress: { progress: 40, message: "second" } }]);
        await end();
      },
      { requires: ["reader", "liveProgress"] },
    ),
    claim(
      "P19",
      "a stage that logs in a loop writes few times, and every line once",
      async (bench) => {
        const { runId, end } = await telling(bench, (ctx) => {
          for (let i = 0; i < 300; i++) ctx.log("DEBUG", `line ${i}`);
        });
        await end();
        const lines: string[] = [];
        for (let cursor: string | null | undefined; cursor !== null; ) {
          const page = await readerOf(bench).listLogs(runId, { limit: 200, ...(cursor && { cursor }) });
          lines.push(...page.items.map(({ message }) => message));
          cursor = page.nextCursor;
        }
        expectEqual(lines, [...Array.from({ length: 300 }, (_, i) => `line ${i}`), "last line"]);
      },
      { requires },
    ),
    claim(
      "P19",
      "lines and metadata that no database takes lose nothing but what it cannot hold",
      async (bench) => {
        const { runId, end } = await telling(bench, (ctx) => {
          ctx.log("INFO", "nul \u0000 and \ud800 surrogate");
          ctx.log("INFO", "cycle", { big: 1n } as never);
        });
        await end();
        const { items } = await readerOf(bench).listLogs(runId);
        expectEqual(items.length, 3, "lines");
        expectIncludes(items[0]?.message, "nul ");
        expectIncludes(items[0]?.message, " surrogate");
      },
      { requires: ["reader"] },
    ),
    claim(
      "P19",
      "what a failed attempt told stays",
      async (bench) => {
        const stage = step("a", (ctx) => {
          ctx.log("INFO", `attempt ${ctx.attempt}`);
          if (ctx.attempt === 1) throw new Error("it broke");
          return 1;
        });
        const kernel = bench.createKernel({ workflows: [chain("w", stage)] });
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const { items } = await readerOf(bench).listLogs(runId);
        expectEqual(
          items.map(({ message }) => message),
          ["attempt 1", "attempt 2"],
        );
      },
      { requires: ["reader"] },
    ),
  ],
};
