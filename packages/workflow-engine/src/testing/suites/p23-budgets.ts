// Budgets: every call reserves its worst case first; one that does not fit is not made, its stage is held, and raising goes on.

import { z } from "zod";
import { WorkflowBuilder } from "../../define/builder.ts";
import type { RunBudgetInput } from "../../define/policy.ts";
import { type AnyStage, defineStage } from "../../define/stage.ts";
import { costPicoOf } from "../../models/pico-price.ts";
import { getModel } from "../../models/registry.ts";
import type { StageRecord } from "../../ports/stage.ts";
import { createMockProvider } from "../ai/mock-provider.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch, expectPresent, expectRejects, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { type StepContext, step } from "../workflows.ts";
import { billedPico, checkedCalls, ledgerOf } from "./p23-stage-calls.ts";

const requires = ["aiCallLogger", "ledger"] as const;
const model = "gemini-2.5-flash";
const maxTokens = 100;

/** Every call asks this, and is billed for exactly what it may take at most. */
const prompt = "x".repeat(8);

async function worstOf(): Promise<{ inputTokens: number; outputTokens: number; pico: bigint }> {
  const { createMockAIHelper } = await import("../ai/mock-helper.ts");
  const { ai, logger } = createMockAIHelper(["", { error: "stop" }]);
  await ai.generateText(model, prompt, { maxTokens, maxRetries: 0 });
  await ai.generateText(model, prompt, { maxTokens, maxRetries: 0 }).catch(() => undefined);
  const rows = await logger.ledger.listCalls({});
  const worst = expectPresent(
    rows.find(({ isEstimated }) => isEstimated),
    "a call at its worst case",
  );
  return { inputTokens: worst.inputTokens, outputTokens: worst.outputTokens, pico: worst.costPico ?? 0n };
}

const ask = (ctx: StepContext): Promise<unknown> => ctx.ai.generateText(model, prompt, { maxTokens, maxRetries: 0 });

interface Setting {
  stages: readonly AnyStage[];
  isParallel?: boolean;
  declared?: { usd?: number; tokens?: number; onExceed: "hold" | "fail" };
}

/** A kernel whose calls are billed at their worst case. */
async function open(bench: Bench, { stages, isParallel = false, declared }: Setting) {
  await import("ai");
  const worst = await worstOf();
  const { inputTokens, outputTokens } = worst;
  const provider = createMockProvider(() => ({ text: "a", inputTokens, outputTokens }), bench.environment);
  const builder = new WorkflowBuilder("w", "W", "", z.unknown(), z.unknown(), { budget: declared }) as unknown as {
    pipe(stage: AnyStage): typeof builder;
    parallel(stages: readonly AnyStage[]): typeof builder;
    build(): never;
  };
  const workflow = isParallel ? builder.parallel(stages).build() : stages.reduce((at, stage) => at.pipe(stage), builder).build();
  const kernel = bench.createKernel({ workflows: [workflow], providerResolver: provider.resolver });
  const start = (budget?: RunBudgetInput): Promise<string> => createRun(kernel, { workflowId: "w", input: {}, ...(budget && { budget }) });
  return { kernel, provider, worst, start, usd: (calls: number): number => Number(worst.pico * BigInt(calls)) / 1e12 };
}

function stagesOf(bench: Bench, runId: string): Promise<StageRecord[]> {
  return bench.store.persistence.getStagesByRun(runId);
}

async function isIdle(bench: Bench, runId: string): Promise<boolean> {
  const stages = await stagesOf(bench, runId);
  return stages.length > 0 && stages.every(({ status }) => status !== "PENDING" && status !== "RUNNING");
}

/** Budgets. */
export const budgetsSuite: Suite = {
  name: "P23 budgets",
  cases: [
    ...bothWays(
      "P23",
      "a call that does not fit is not made: its stage is held, an event says why, and raising goes on",
      async (bench) => {
        const { kernel, provider, start, usd, worst } = await open(bench, {
          stages: ["a", "b"].map((id) => step(id, ask)),
          declared: { usd: 1, onExceed: "hold" },
        });
        const runId = await start({ usd: usd(1) });
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        const { run } = await lookAt(bench, runId);
        const stages = await stagesOf(bench, runId);
        expectEqual([run.status, stages.map(({ status }) => status)], ["RUNNING", ["COMPLETED", "SUSPENDED"]]);
        expectIncludes(stages[1]?.errorMessage, "does not fit into the run's budget of $");
        expectMatch(stages[1]?.suspendedState, { budget: { scope: "run", trippedBy: "usd", limit: usd(1), needed: usd(1) } });
        expectEqual([provider.billed.length, (await checkedCalls(bench, runId)).length], [1, 1]);
        await kernel.dispatch({ type: "outbox.flush" });
        expectMatch(bench.sink.getByType("stage:held"), [{ stageId: "b", scope: "run", trippedBy: "usd", limit: usd(1), spent: usd(1) }]);
        expectEqual(bench.sink.getByType("workflow:suspended").length, 1);
        await bench.advance(3_600_000);
        expectEqual((await stagesOf(bench, runId))[1]?.status, "SUSPENDED", "an hour later");
        const raise = { type: "budget.raise", workflowRunId: runId, usd: usd(2) } as const;
        expectEqual(await kernel.dispatch(raise), { resumedStages: ["b"] });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const after = await lookAt(bench, runId);
        expectMatch(after.run, { status: "COMPLETED", totalCost: usd(2) });
        expectMatch(after.stages["b"], { status: "COMPLETED", attempt: 1, errorMessage: null, suspendedState: null });
        expectEqual([billedPico(provider), provider.billed.length], [worst.pico * 2n, 2]);
      },
      { requires },
    ),
    ...bothWays(
      "P23",
      "200 parallel calls against a budget that fits 120: never more is spent, and raising it finishes the rest",
      async (bench) => {
        const ids = Array.from({ length: 200 }, (_, i) => `s${i}`);
        const { kernel, provider, start, usd, worst } = await open(bench, { stages: ids.map((id) => step(id, ask)), isParallel: true });
        const runId = await start({ usd: usd(120) });
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        const stages = await stagesOf(bench, runId);
        const count = (status: string): number => stages.filter((stage) => stage.status === status).length;
        expectEqual([provider.billed.length, count("COMPLETED"), count("SUSPENDED")], [120, 120, 80]);
        await kernel.dispatch({ type: "budget.raise", workflowRunId: runId, usd: usd(150) });
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        expectEqual(provider.billed.length, 150);
        await kernel.dispatch({ type: "budget.raise", workflowRunId: runId, usd: usd(1_000) });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", totalCost: usd(200) });
        expectEqual(billedPico(provider), worst.pico * 200n);
      },
      { requires },
    ),
    claim(
      "P23",
      "calls that reserve at the same instant never reserve more than there is",
      async (bench) => {
        const { worst } = await open(bench, { stages: [step("a", () => 1)] });
        const limit = { usdPico: worst.pico * 7n, tokens: null };
        const call = { topic: "workflow.r.stage.a", callType: "text", modelKey: model, modelId: model, prompt, price: null } as const;
        const origin = { runId: "r", stageId: "a", attempt: 1, executionId: "e" };
        const usage = { inputTokens: worst.inputTokens, outputTokens: worst.outputTokens, costPico: worst.pico };
        const other = await bench.reopen();
        const ledgers = [ledgerOf(bench), ledgerOf(other)];
        const opened = await bench.pass(
          Promise.all(
            Array.from({ length: 20 }, (_, i) =>
              ledgers[i % 2]!.openCall({ id: `c${i}`, ...call, ...origin, worst: usage, stageBudget: limit }),
            ),
          ),
        );
        expectEqual(opened.filter((refusal) => refusal === null).length, 7);
        expectMatch(
          opened.find((refusal) => refusal !== null),
          { scope: "stage", trippedBy: "usd", spentPico: worst.pico * 7n },
        );
        // any of them may have come first
        await ledgers[0]!.closeCall(`c${opened.indexOf(null)}`, {
          status: "ok",
          response: "",
          usage: { inputTokens: 0, outputTokens: 0, costPico: 0n },
          latencyMs: 1,
        });
        expectEqual(
          await ledgers[1]!.openCall({ id: "next", ...call, ...origin, worst: usage, stageBudget: limit }),
          null,
          "what was given back",
        );
      },
      { requires },
    ),
    claim(
      "P23",
      "onExceed fail fails the run at once, with the number that tripped",
      async (bench) => {
        const { kernel, provider, start, worst } = await open(bench, {
          stages: ["a", "b"].map((id) => step(id, ask)),
          declared: { usd: 1, onExceed: "fail" },
        });
        const tokens = worst.inputTokens + worst.outputTokens;
        const runId = await start({ tokens });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const { run } = await lookAt(bench, runId);
        expectEqual([run.status, provider.billed.length], ["FAILED", 1]);
        expectIncludes(run.errorMessage, `budget of ${tokens} tokens, of which ${tokens} are spent or reserved`);
      },
      { requires },
    ),
    claim(
      "P23",
      "a stage's own budget holds that stage alone, over all its attempts, and is raised by its name",
      async (bench) => {
        const { worst } = await open(bench, { stages: [step("a", () => 1)] });
        const usd = Number(worst.pico) / 1e12;
        const schemas = { input: z.unknown(), output: z.unknown(), config: z.looseObject({}) };
        const twice = async (ctx: StepContext): Promise<{ output: unknown }> => {
          await ask(ctx);
          if (ctx.attempt === 1) throw new Error("once more");
          return { output: 1 };
        };
        const limited = defineStage({
          id: "a",
          name: "A",
          schemas,
          budget: { usd },
          retry: { initialMs: 10 },
          execute: (ctx) => twice(ctx as StepContext),
        }) as AnyStage;
        const { kernel, provider, start } = await open(bench, { stages: [limited, step("b", ask)], isParallel: true });
        const runId = await start();
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        expectEqual(
          (await stagesOf(bench, runId)).map(({ status }) => status),
          ["SUSPENDED", "COMPLETED"],
        );
        const raise = { type: "budget.raise", workflowRunId: runId, usd: usd * 2 } as const;
        await kernel.dispatch(raise);
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        expectEqual(provider.billed.length, 2, "the run's budget is not the stage's");
        await kernel.dispatch({ ...raise, stageId: "a" });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", totalCost: usd * 3 });
      },
      { requires },
    ),
    claim(
      "P23",
      "a budget in dollars takes no call of unknown price; one in tokens does",
      async (bench) => {
        const unpriced = (ctx: StepContext): Promise<unknown> => ctx.ai.generateText("glm-5.2", prompt, { maxTokens, maxRetries: 0 });
        expectEqual(costPicoOf(getModel("glm-5.2"), { inputTokens: 1, outputTokens: 1 }), null);
        const { kernel, provider, start } = await open(bench, { stages: [step("a", unpriced, { retry: { maxAttempts: 1 } })] });
        const refused = await start({ usd: 1 });
        const taken = await start({ tokens: 10_000 });
        await bench.drive(kernel, { until: async () => (await hasEnded(bench, refused)()) && (await hasEnded(bench, taken)()) });
        expectEqual([(await lookAt(bench, refused)).run.status, (await lookAt(bench, taken)).run.status], ["FAILED", "COMPLETED"]);
        expectIncludes((await lookAt(bench, refused)).run.errorMessage, "no known price");
        expectEqual(provider.billed.length, 1);
      },
      { requires },
    ),
    claim(
      "P23",
      "budget.raise says what is wrong with it, and raises nothing twice",
      async (bench) => {
        const { kernel, start, usd } = await open(bench, { stages: [step("a", ask)] });
        await expectRejects(kernel.dispatch({ type: "budget.raise", workflowRunId: "nobody", usd: 1 }), { code: "RUN_NOT_FOUND" });
        const runId = await start({ usd: usd(1) / 2 });
        await expectRejects(kernel.dispatch({ type: "budget.raise", workflowRunId: runId }), { code: "INVALID_COMMAND" });
        await expectRejects(kernel.dispatch({ type: "budget.raise", workflowRunId: runId, usd: -1 }), { code: "INVALID_COMMAND" });
        await expectRejects(start({ usd: -1 }), { code: "INVALID_COMMAND" });
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        const lower = { type: "budget.raise", workflowRunId: runId, usd: usd(1) / 4 } as const;
        await kernel.dispatch(lower);
        await bench.drive(kernel, { until: () => isIdle(bench, runId) });
        expectEqual((await stagesOf(bench, runId))[0]?.status, "SUSPENDED", "a lower limit changes nothing");
        expectTrue((await kernel.dispatch({ type: "run.cancel", workflowRunId: runId })).cancelled, "a held run is cancelled");
      },
      { requires },
    ),
  ],
};
