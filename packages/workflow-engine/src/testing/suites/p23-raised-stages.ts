// P23, P17: a stage's own budget can be raised at any moment: before its first call, while that is under way, and after it was refused.
import type { AnyStage } from "../../define/stage.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { createMockProvider } from "../ai/mock-provider.ts";
import type { Bench } from "../bench.ts";
import { expectEqual } from "../claims.ts";
import { createRun, hasEnded, lookAt, stageIs } from "../harness.ts";
import { claim, type Suite } from "../suite.ts";
import { chain, createGate, type StepContext, step } from "../workflows.ts";

const requires = ["aiCallLogger", "ledger"] as const;
const enough = 100_000;

const ask = (ctx: StepContext): Promise<unknown> => ctx.ai.generateText("gemini-2.5-flash", "why?", { maxTokens: 50, maxRetries: 0 });

const first = step("first", () => 1);

/** A kernel with a stage whose budget no call of it fits into, after one that waits. */
async function open(bench: Bench) {
  await import("ai");
  const { resolver } = createMockProvider(() => ({ text: "because", inputTokens: 1, outputTokens: 1 }), bench.environment);
  const poor: AnyStage = { ...step("poor", ask), budget: { tokens: 1 } };
  const kernel = bench.createKernel({ workflows: [chain("w", first, poor)], providerResolver: resolver });
  return { kernel, runId: await createRun(kernel, { workflowId: "w", input: {} }) };
}

const raise = (kernel: Kernel, workflowRunId: string) =>
  kernel.dispatch({ type: "budget.raise", workflowRunId, stageId: "poor", tokens: enough });

async function expectEnds(bench: Bench, kernel: Kernel, runId: string): Promise<void> {
  await bench.drive(kernel, { until: hasEnded(bench, runId), maxMs: 120_000 });
  expectEqual((await lookAt(bench, runId)).run.status, "COMPLETED");
}

/** P23, raised stages. */
export const raisedStagesSuite: Suite = {
  name: "P23 raised stages",
  cases: [
    claim(
      "P23",
      "a stage whose first call was refused goes on when its budget is raised",
      async (bench) => {
        const { kernel, runId } = await open(bench);
        await bench.drive(kernel, { until: stageIs(bench, runId, "poor", "SUSPENDED") });
        expectEqual(await raise(kernel, runId), { resumedStages: ["poor"] });
        await expectEnds(bench, kernel, runId);
      },
      { requires },
    ),
    claim(
      "P23",
      "a stage's budget that was raised before its first call is raised",
      async (bench) => {
        const { kernel, runId } = await open(bench);
        expectEqual(await raise(kernel, runId), { resumedStages: [] });
        await expectEnds(bench, kernel, runId);
      },
      { requires },
    ),
    claim(
      "P17",
      "a budget raised while the call that it comes too late for is being refused moves the stage on",
      async (bench) => {
        const gate = createGate();
        const { kernel, runId } = await open(bench);
        const waitAndThrow = async (error: unknown): Promise<never> => {
          await gate.wait();
          throw error;
        };
        const held = step("poor", (ctx) => ask(ctx).catch(waitAndThrow));
        const slow = bench.createKernel({
          workflows: [chain("w", first, { ...held, budget: { tokens: 1 } })],
          providerResolver: createMockProvider(() => "because", bench.environment).resolver,
        });
        const driven = bench.drive(slow, { until: stageIs(bench, runId, "poor", "SUSPENDED"), maxMs: 30_000 }).catch(() => undefined);
        while (gate.waiting === 0) await bench.advance(500);
        await raise(kernel, runId);
        gate.open();
        await bench.pass(driven);
        await expectEnds(bench, kernel, runId);
      },
      { requires, driver: "host" },
    ),
  ],
};
