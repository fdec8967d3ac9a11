// P23 in stages: ctx.ai is bound to its execution, and its calls are accounted for also when the stage fails, is cancelled, loses its
// lease, or its process dies.

import { z } from "zod";
import { getCostReport } from "../../ai/cost-report.ts";
import { withAIConfig, withConcurrency } from "../../define/config-presets.ts";
import type { AnyStage } from "../../define/stage.ts";
import { costPicoOf } from "../../models/pico-price.ts";
import { getModel } from "../../models/registry.ts";
import type { Ledger, LedgerRow } from "../../ports/ledger.ts";
import { createMockProvider, type MockProvider, type MockScript } from "../ai/mock-provider.ts";
import { type Bench, readerOf } from "../bench.ts";
import { expectEqual, expectIncludes, expectMatch, expectPresent, expectTrue } from "../claims.ts";
import { createRun, hasEnded, lookAt } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain, type StepContext, step } from "../workflows.ts";

const requires = ["aiCallLogger", "ledger", "reader"] as const;
const model = "gemini-2.5-flash";
const ask = (ctx: StepContext, prompt = "q"): Promise<unknown> => ctx.ai.generateText(model, prompt, { maxTokens: 100, maxRetries: 0 });

/** A kernel whose models answer from a script. */
export async function openKernel(bench: Bench, script: MockScript | undefined, ...stages: AnyStage[]) {
  await import("ai"); // loading it takes real time, in which virtual time must not pass
  const provider: MockProvider = createMockProvider(script, bench.environment);
  const kernel = bench.createKernel({ workflows: [chain("w", ...stages)], providerResolver: provider.resolver });
  return { kernel, provider };
}

/** The ledger of a bench. */
export function ledgerOf({ store }: Bench): Ledger {
  return expectPresent(store.aiCallLogger?.ledger, "the ledger");
}

/** The pico-dollars that a provider has billed. */
export function billedPico({ billed }: MockProvider): bigint {
  return billed.reduce((sum, { modelKey, ...usage }) => sum + (costPicoOf(getModel(modelKey), usage) ?? 0n), 0n);
}

/** A run's calls, and the claim that its totals are their sum. */
export async function checkedCalls(bench: Bench, runId: string): Promise<LedgerRow[]> {
  const rows = await ledgerOf(bench).listCalls({ runId });
  const run = expectPresent(await bench.store.persistence.getRun(runId), "the run");
  const cost = rows.reduce((sum, { costPico }) => sum + (costPico ?? 0n), 0n);
  const tokens = rows.reduce((sum, { inputTokens, outputTokens }) => sum + inputTokens + outputTokens, 0);
  expectEqual([Math.round(run.totalCost * 1e12), run.totalTokens], [Number(cost), tokens], "the run's totals");
  return rows;
}

async function reportOf(bench: Bench, runId: string) {
  return getCostReport(runId, { ledger: ledgerOf(bench), reader: readerOf(bench) });
}

/** P23 in stages. */
export const stageCallsSuite: Suite = {
  name: "P23 calls of stages",
  cases: [
    ...bothWays(
      "P23",
      "ctx.ai is bound to run, stage, attempt and execution, and the run's totals are the ledger's sum",
      async (bench) => {
        const stages = ["a", "b"].map((id) => step(id, async (ctx) => [ctx.executionId, await ask(ctx)]));
        const { kernel, provider } = await openKernel(bench, undefined, ...stages);
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        const rows = await checkedCalls(bench, runId);
        const { run, stages: records } = await lookAt(bench, runId);
        expectEqual([run.status, rows.length], ["COMPLETED", 2]);
        for (const row of rows) {
          const stage = expectPresent(records[row.stageId ?? ""], "the stage");
          expectMatch(row, {
            topic: `workflow.${runId}.stage.${row.stageId}`,
            attempt: 1,
            status: "ok",
            callType: "text",
            modelKey: model,
          });
          expectEqual(row.executionId, (stage.outputData as unknown[])[0]);
          expectMatch(stage.metrics, { aiCalls: 1, totalTokens: row.inputTokens + row.outputTokens });
        }
        const report = await reportOf(bench, runId);
        expectEqual([report.useful.costPico, report.total.costPico, report.wasted.calls], [billedPico(provider), billedPico(provider), 0]);
      },
      { requires },
    ),
    ...bothWays(
      "P23",
      "the calls of an attempt that fails are wasted, not lost",
      async (bench) => {
        const failing = step(
          "a",
          async (ctx) => {
            await ask(ctx);
            if (ctx.attempt === 1) throw new Error("after paying");
            return 1;
          },
          { retry: { initialMs: 100 } },
        );
        const { kernel, provider } = await openKernel(bench, undefined, failing);
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectEqual(
          (await checkedCalls(bench, runId)).map(({ attempt }) => attempt),
          [1, 2],
        );
        const { useful, wasted, unknown } = await reportOf(bench, runId);
        expectEqual([useful.calls, wasted.byReason.retried.calls, unknown.calls], [1, 1, 0]);
        expectEqual(useful.costPico + wasted.costPico, billedPico(provider));
      },
      { requires: [...requires, "attempts"] },
    ),
    claim(
      "P23",
      "a call that is cancelled in the middle counts at its worst case, as unknown",
      async (bench) => {
        const { kernel } = await openKernel(
          bench,
          [{ text: "late", latencyMs: 60_000 }],
          step("a", (ctx) => ask(ctx)),
        );
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        const host = startHost(kernel);
        await bench.advance(5_000);
        expectMatch(await checkedCalls(bench, runId), [{ status: "open", isEstimated: true }]);
        await kernel.dispatch({ type: "run.cancel", workflowRunId: runId });
        await bench.advance(5_000);
        expectMatch(await checkedCalls(bench, runId), [{ status: "aborted", isEstimated: true, outputTokens: 100 }]);
        expectMatch(await reportOf(bench, runId), { unknown: { calls: 1 }, useful: { calls: 0 }, wasted: { calls: 0 } });
        await bench.pass(host.stop());
      },
      { requires },
    ),
    claim(
      "P23",
      "a call that a process took to its grave stays open at its worst case until it is reconciled",
      async (bench) => {
        const script: MockScript = ({ index }) => (index === 1 ? { text: "never", latencyMs: 10_000_000 } : "answer");
        const stages = [step("a", (ctx) => ask(ctx))];
        const { kernel } = await openKernel(bench, script, ...stages);
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        const dead = startHost(kernel);
        await bench.advance(1_000);
        const [lost] = await checkedCalls(bench, runId);
        // nothing of it is stopped: it simply is not heard of again, and another process takes over
        await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 0 });
        for (let i = 0; i < 60 && !(await hasEnded(bench, runId)()); i++) await bench.advance(1_000);
        expectMatch((await checkedCalls(bench, runId)).map(({ status }) => status).sort(), ["aborted", "ok"]);
        expectEqual(await ledgerOf(bench).closeCall(lost!.id, { status: "ok", response: "", usage: null, latencyMs: 0 }), false);
        await bench.pass(dead.stop());
      },
      { requires },
    ),
    claim(
      "P23",
      "presets in a stage's config are defaults of its calls; what a call says wins",
      async (bench) => {
        const config = withConcurrency(withAIConfig(z.object({ own: z.number().default(1) })));
        const stage = step(
          "a",
          async (ctx) => {
            await Promise.all(["1", "2", "3"].map((prompt) => ctx.ai.generateText(undefined, prompt)));
            await ctx.ai.generateText("gpt-4.1-nano", "4", { temperature: 1, maxTokens: 7 });
            return 1;
          },
          { config },
        );
        let underWay = 0;
        let most = 0;
        let hearOfSecond: () => void = () => undefined;
        const second = new Promise<void>((resolve) => {
          hearOfSecond = resolve;
        });
        const { kernel, provider } = await openKernel(
          bench,
          async () => {
            most = Math.max(most, ++underWay);
            if (most === 2) hearOfSecond();
            // the first waits for it, however long a store takes to open a call
            await second;
            await new Promise<void>((resolve) => void bench.environment.setTimer(100, resolve));
            underWay -= 1;
            return "a";
          },
          stage,
        );
        const chosen = { model: "gpt-4.1-mini", temperature: 0.1, maxTokens: 55, concurrency: 2 };
        const runId = await createRun(kernel, { workflowId: "w", input: {}, config: { a: chosen } });
        await bench.drive(kernel, { until: hasEnded(bench, runId) });
        expectEqual((await lookAt(bench, runId)).run.status, "COMPLETED");
        const seen = provider.requests.map(({ modelKey, temperature, maxTokens }) => [modelKey, temperature, maxTokens]);
        expectEqual(seen, [...Array.from({ length: 3 }, () => ["gpt-4.1-mini", 0.1, 55]), ["gpt-4.1-nano", 1, 7]]);
        expectEqual(most, 2, "calls at a time");
      },
      { requires },
    ),
    claim("P23", "without a logger ctx.ai says what is missing, and everything else works", async (bench) => {
      const stages = [step("a", () => 1), step("b", (ctx) => ask(ctx))];
      const kernel = bench.createKernel({ workflows: [chain("w", ...stages)], aiCallLogger: undefined });
      const runId = await createRun(kernel, { workflowId: "w", input: {} });
      await bench.drive(kernel, { until: hasEnded(bench, runId) });
      const { run, stages: records } = await lookAt(bench, runId);
      expectEqual([run.status, records["a"]?.status], ["FAILED", "COMPLETED"]);
      expectIncludes(records["b"]?.errorMessage, "Pass aiCallLogger to createKernel");
    }),
    claim(
      "P23",
      "a result that the fence discards is paid for, and wasted",
      async (bench) => {
        const script: MockScript = ({ index }) => ({ text: `answer ${index}`, latencyMs: index === 1 ? 5_000 : 1 });
        let isDeaf = true;
        // it does not listen to its signal, as a call that has been answered already does not
        const stage = step("a", async (ctx) => {
          if (ctx.attempt > 1) return ask(ctx);
          const { text } = await ctx.ai.generateText(model, "q", { maxTokens: 100 });
          isDeaf = false;
          return text;
        });
        const { kernel, provider } = await openKernel(bench, script, stage);
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        const host = startHost(kernel);
        await bench.advance(1_000);
        await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 0 });
        for (let i = 0; i < 60 && !(await hasEnded(bench, runId)()); i++) await bench.advance(1_000);
        expectTrue(isDeaf, "the first execution was aborted before its answer came");
        const report = await reportOf(bench, runId);
        expectEqual([report.useful.calls, report.unknown.calls], [1, 1]);
        expectTrue(report.unknown.costPico + report.useful.costPico >= billedPico(provider), "nothing that was billed is missing");
        await bench.pass(host.stop());
      },
      { requires },
    ),
  ],
};
