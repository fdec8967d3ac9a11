// P24: a batch is submitted once, whoever dies when, and every result that was paid for is kept and counted once.
import { z } from "zod";
import type { BatchRun } from "../../ai/batch/ai-batch-types.ts";
import { getCostReport } from "../../ai/cost-report.ts";
import { defineAsyncBatchStage } from "../../define/stage.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import { type MockBatchOptions, MockBatchProvider } from "../ai/mock-batches.ts";
import { type Bench, readerOf } from "../bench.ts";
import { expectEqual, expectMatch, expectTrue } from "../claims.ts";
import { createRun, driveHost, hasEnded, lookAt, stageIs } from "../harness.ts";
import { bothWays, claim, type Suite } from "../suite.ts";
import { chain } from "../workflows.ts";
import { checkedCalls, ledgerOf } from "./p23-stage-calls.ts";

const model = "gpt-4.1-mini";
const requires = ["aiCallLogger"] as const;
const never = new Promise<never>(() => undefined);
const count = 3;

interface StageOptions {
  /** Called when the results are there. */
  onResults?(attempt: number): void;
  /** Put before each prompt. */
  prefix?(): string;
}

/** A workflow of one stage that asks a batch, and the provider of its batches. */
function asking(bench: Bench, options: MockBatchOptions = {}, { onResults, prefix }: StageOptions = {}) {
  const provider = new MockBatchProvider(bench.environment, { lastsMs: 60_000, ...options });
  const seen: Array<BatchRun<string>> = [];
  const stage = defineAsyncBatchStage({
    id: "a",
    name: "a",
    mode: "async-batch",
    schemas: { input: z.unknown(), output: z.array(z.string()), config: z.object({}) },
    async execute(ctx) {
      const requests = Array.from({ length: count }, (_, i) => ({ id: `q${i}`, prompt: `${prefix?.() ?? ""}ask ${i}`, maxTokens: 100 }));
      const batch = await ctx.ai.batch(model, provider).run(requests, { pollInterval: 20_000 });
      seen.push(batch);
      if (batch.suspended) return batch;
      onResults?.(ctx.attempt);
      return { output: batch.results.map((result) => (result.status === "succeeded" ? result.value : "failed")) };
    },
    checkCompletion: (state, ctx) => ctx.ai.batch(model, provider).check(state),
  });
  return { provider, seen, workflows: [chain("w", stage)] };
}

const answers = (prefix = ""): string[] => Array.from({ length: count }, (_, i) => `You said: ${prefix}ask ${i}`);

/** Every result is in the ledger once, nothing is open, and the run's totals are their sum; where there is a ledger. */
async function expectRecorded(bench: Bench, runId: string, results = count): Promise<void> {
  if (!bench.has("ledger")) return;
  const rows = await checkedCalls(bench, runId);
  expectEqual(rows.filter(({ metadata }) => metadata?.["requestId"] !== undefined).length, results, "results in the ledger");
  expectEqual(await ledgerOf(bench).listCalls({ runId, status: "open" }), [], "open calls");
  if (!bench.has("reader") || !bench.has("attempts")) return;
  const { useful, total } = await getCostReport(runId, { ledger: ledgerOf(bench), reader: readerOf(bench) });
  expectEqual(useful.costPico, total.costPico, "pico-dollars that were not wasted");
}

/** The requests at which a process may die, and which one of its kind it is. */
const deaths = [
  ["before submit", "create", "before", 1],
  ["after submit", "create", "after", 1],
  ["while polling", "check", "before", 2],
  ["before harvest", "read", "before", 1],
  ["while harvesting", "read", "after", 1],
] as const;

/** P24. */
export const batchSuite: Suite = {
  name: "P24 batches",
  cases: [
    ...bothWays(
      "P24",
      "a stage waits for its batch without a worker, gets every result, and each is in the ledger once",
      async (bench) => {
        const { provider, workflows } = asking(bench);
        const kernel = bench.createKernel({ workflows });
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        await bench.drive(kernel, { until: hasEnded(bench, runId), stepMs: 10_000 });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: answers() });
        expectEqual(provider.created.length, 1, "batches");
        await expectRecorded(bench, runId);
      },
      { requires },
    ),
    ...deaths.map(([name, request, when, nth]) =>
      claim(
        "P24",
        `a process that dies ${name} costs no second batch and no result`,
        async (bench) => {
          let times = 0;
          let hasDied = false;
          const on: MockBatchOptions["on"] = (asked, at) => {
            if (asked !== request || at !== when || hasDied || ++times !== nth) return undefined;
            hasDied = true;
            return never;
          };
          const { provider, workflows } = asking(bench, { on });
          const kernel = bench.createKernel({ workflows, heartbeatIntervalMs: 10 ** 10 });
          const runId = await createRun(kernel, { workflowId: "w", input: {} });
          await driveHost(bench, kernel, { until: () => hasDied });
          await bench.advance(61_000);
          const other = (await bench.reopen()).createKernel({ workflows });
          await driveHost(bench, other, { until: hasEnded(bench, runId) });
          expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: answers() });
          expectEqual(provider.created.length, 1, "batches");
          await expectRecorded(bench, runId);
        },
        { requires, driver: "host" },
      ),
    ),
    claim(
      "P24",
      "a process that sleeps past its lease before it submits finds that it has lost its stage, and submits nothing",
      async (bench) => {
        const { provider, workflows } = asking(bench);
        const asleep = Promise.withResolvers<void>();
        let isAsleep = false;
        const { blobStore } = bench.store;
        const sleepy: BlobStore = {
          put: async (key, data) => {
            // the intent of a creation that is about to begin
            if (JSON.stringify(data).includes('"attemptedAt":1')) {
              isAsleep = true;
              await asleep.promise;
            }
            return blobStore.put(key, data);
          },
          get: (key) => blobStore.get(key),
          has: (key) => blobStore.has(key),
          delete: (key) => blobStore.delete(key),
          list: (prefix) => blobStore.list(prefix),
        };
        const zombie = bench.createKernel({ workflows, blobStore: sleepy, heartbeatIntervalMs: 10 ** 10 });
        const runId = await createRun(zombie, { workflowId: "w", input: {} });
        await driveHost(bench, zombie, { until: () => isAsleep });
        await bench.advance(61_000);
        const other = (await bench.reopen()).createKernel({ workflows });
        await driveHost(bench, other, { until: hasEnded(bench, runId) });
        asleep.resolve();
        await bench.settle();
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: answers() });
        expectEqual(provider.created.length, 1, "batches");
      },
      { requires, driver: "host" },
    ),
    claim(
      "P24",
      "a stage that fails after its results came gets them again; a rerun of it asks anew",
      async (bench) => {
        const { provider, workflows } = asking(bench, {}, { onResults: (attempt) => expectTrue(attempt > 1, "the author's own bug") });
        const kernel = bench.createKernel({ workflows });
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        await driveHost(bench, kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED" });
        expectEqual(provider.created.length, 1, "batches");
        await kernel.dispatch({ type: "run.rerunFrom", workflowRunId: runId, fromStageId: "a" });
        await driveHost(bench, kernel, { until: hasEnded(bench, runId) });
        expectEqual([(await lookAt(bench, runId)).run.status, provider.created.length], ["COMPLETED", 2], "after the rerun");
        await expectRecorded(bench, runId, 2 * count);
      },
      { requires, driver: "host" },
    ),
    claim(
      "P24",
      "a rerun goes on with a batch that is still open when it asks the same, and cancels it when it asks something else",
      async (bench) => {
        let prefix = "";
        const { provider, workflows } = asking(bench, {}, { prefix: () => prefix });
        const kernel = bench.createKernel({ workflows });
        const runId = await createRun(kernel, { workflowId: "w", input: {} });
        const again = async (): Promise<void> => {
          await driveHost(bench, kernel, { until: stageIs(bench, runId, "a", "SUSPENDED") });
          await kernel.dispatch({ type: "run.cancel", workflowRunId: runId });
          await kernel.dispatch({ type: "run.rerunFrom", workflowRunId: runId, fromStageId: "a" });
        };
        await again();
        await again();
        expectEqual(provider.created.length, 1, "batches while the same is asked");
        prefix = "please ";
        await driveHost(bench, kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: answers("please ") });
        expectEqual(
          provider.created.map(({ isCancelled }) => isCancelled),
          [true, false],
          "cancelled",
        );
      },
      { requires, driver: "host" },
    ),
    claim(
      "P24",
      "a budget that does not hold the batch holds the stage before anything is submitted; raised, it goes on",
      async (bench) => {
        const { provider, workflows } = asking(bench);
        const kernel = bench.createKernel({ workflows });
        const budget = { tokens: 200, onExceed: "hold" as const };
        const runId = await createRun(kernel, { workflowId: "w", input: {}, budget });
        await driveHost(bench, kernel, { until: stageIs(bench, runId, "a", "SUSPENDED") });
        expectEqual(provider.created.length, 0, "batches while it is held");
        await kernel.dispatch({ type: "budget.raise", workflowRunId: runId, tokens: 10_000 });
        await driveHost(bench, kernel, { until: hasEnded(bench, runId) });
        expectMatch((await lookAt(bench, runId)).run, { status: "COMPLETED", output: answers() });
        expectEqual(provider.created.length, 1, "batches");
        await expectRecorded(bench, runId);
      },
      { requires: [...requires, "ledger"], driver: "host" },
    ),
  ],
};
