// P23: every call is opened before it is made and closed once; a run's totals are the ledger's sum, an unknown price is unknown.
import type { AICallLogger, CallUsage, ClosedCall, Ledger, OpenCall } from "../../ports/ledger.ts";
import type { Bench } from "../bench.ts";
import { expectEqual, expectMatch, expectPresent, expectTrue } from "../claims.ts";
import { claim, type Suite } from "../suite.ts";

const requires = ["aiCallLogger", "ledger"] as const;
const worst: CallUsage = { inputTokens: 100, outputTokens: 50, costPico: 1_000n };
const actual: CallUsage = { inputTokens: 10, outputTokens: 5, cachedInputTokens: 2, reasoningTokens: 1, costPico: 70n };

const loggerOf = ({ store }: Bench): AICallLogger => expectPresent(store.aiCallLogger, "the logger");
const ledgerOf = (bench: Bench): Ledger => expectPresent(loggerOf(bench).ledger, "the ledger");

/** A call of an execution of stage `s`. */
function callOf(id: string, runId: string | null, fields: Partial<OpenCall> = {}): OpenCall {
  const origin = { runId, stageId: "s", attempt: 1, executionId: "e1" };
  const model = { modelKey: "m1", modelId: "vendor/m1" };
  const price = { inputPico: 5n, outputPico: 10n, asOf: "2026-01-01" };
  return { id, topic: `workflow.${runId}.stage.s`, callType: "text", prompt: "p", worst, price, ...origin, ...model, ...fields };
}

/** A call of the same that is over. */
function closedOf(runId: string, usage: CallUsage): ClosedCall {
  const { id: _, worst: _worst, ...call } = callOf("x", runId);
  return { ...call, usage, response: "r" };
}

async function createRun(bench: Bench, id: string): Promise<string> {
  await bench.store.persistence.createRun({ id, workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
  return id;
}

async function totals(bench: Bench, runId: string): Promise<[number, number]> {
  const run = expectPresent(await bench.store.persistence.getRun(runId), "the run");
  return [Math.round(run.totalCost * 1e12), run.totalTokens];
}

/** The ledger. */
export const ledgerSuite: Suite = {
  name: "Ledger",
  cases: [
    claim(
      "P23",
      "an open call counts at its worst case, a closed one at what it was",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const ledger = ledgerOf(bench);
        expectEqual(await ledger.openCall(callOf("c1", runId)), null);
        expectEqual(await totals(bench, runId), [1_000, 150]);
        const [open] = await ledger.listCalls({ runId, status: "open" });
        expectMatch(open, { id: "c1", status: "open", isEstimated: true, executionId: "e1", attempt: 1, stageId: "s", closedAt: null });
        expectTrue(await ledger.closeCall("c1", { status: "ok", response: "answer", usage: actual, latencyMs: 12 }), "the first close");
        expectEqual(await totals(bench, runId), [70, 15]);
        const [closed] = await ledger.listCalls({ runId });
        expectMatch(closed, { status: "ok", isEstimated: false, response: "answer", costPico: 70n, latencyMs: 12, reasoningTokens: 1 });
        expectEqual([closed?.price, closed?.cachedInputTokens], [{ inputPico: 5n, outputPico: 10n, asOf: "2026-01-01" }, 2]);
      },
      { requires },
    ),
    claim(
      "P23",
      "a call is closed once, by whoever is first",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const ledger = ledgerOf(bench);
        await ledger.openCall(callOf("c1", runId));
        const end = { status: "ok", response: "", usage: actual, latencyMs: 1 } as const;
        const ends = Array.from({ length: 5 }, () => ledger.closeCall("c1", end).catch(() => false));
        expectEqual((await bench.pass(Promise.all(ends))).filter(Boolean).length, 1);
        expectEqual([await ledger.closeCall("c1", end), await ledger.closeCall("nobody", end)], [false, false]);
        expectEqual(await totals(bench, runId), [70, 15]);
      },
      { requires },
    ),
    claim(
      "P23",
      "a call that nobody knows the cost of goes on counting at its worst case, as unknown",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const ledger = ledgerOf(bench);
        await ledger.openCall(callOf("c1", runId));
        await ledger.closeCall("c1", { status: "aborted", response: "", usage: null, latencyMs: 1, error: "aborted" });
        expectEqual(await totals(bench, runId), [1_000, 150]);
        expectMatch(await ledger.sumByExecution(runId), [
          { status: "aborted", isEstimated: true, calls: 1, costPico: 1_000n, executionId: "e1" },
        ]);
      },
      { requires },
    ),
    claim(
      "P23",
      "an unknown price is unknown, not 0",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const ledger = ledgerOf(bench);
        await ledger.record(closedOf(runId, { inputTokens: 3, outputTokens: 4, costPico: null }));
        await ledger.record(closedOf(runId, actual));
        const rows = await ledger.listCalls({ runId });
        expectEqual(
          rows.map(({ costPico }) => costPico).sort((a, b) => (a === null ? -1 : b === null ? 1 : 0)),
          [null, 70n],
        );
        expectMatch(await ledger.sumByExecution(runId), [{ calls: 2, unpriced: 1, costPico: 70n, inputTokens: 13 }]);
      },
      { requires },
    ),
    claim(
      "P23",
      "a cost greater than what a number holds is kept to the last pico-dollar",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const costPico = 9_007_199_254_740_993n; // 2^53 + 1
        await ledgerOf(bench).record(closedOf(runId, { inputTokens: 1, outputTokens: 1, costPico }));
        await ledgerOf(bench).record(closedOf(runId, { inputTokens: 1, outputTokens: 1, costPico }));
        expectMatch(await ledgerOf(bench).sumByExecution(runId), [{ costPico: costPico * 2n }]);
      },
      { requires },
    ),
    claim(
      "P23",
      "a batch's results take the place of the row that stood for them",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const ledger = ledgerOf(bench);
        await ledger.openCall(callOf("intent", runId, { callType: "batch" }));
        const results = [closedOf(runId, actual), closedOf(runId, actual)];
        expectEqual([await ledger.recordBatch("b1", results, "intent"), await ledger.recordBatch("b1", results, "intent")], [true, false]);
        expectEqual(await totals(bench, runId), [140, 30]);
        expectEqual([(await ledger.listCalls({ runId })).length, await loggerOf(bench).isRecorded("b1")], [3, true]);
      },
      { requires },
    ),
    claim(
      "P23",
      "calls of a topic wired by hand count for the run it names, whoever logs them",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        const call = { topic: "workflow.r1.stage.s", callType: "text", modelKey: "m", modelId: "m", prompt: "p", response: "r" } as const;
        loggerOf(bench).logCall({ ...call, inputTokens: 3, outputTokens: 2, cost: 0.5 });
        await loggerOf(bench).record?.({ ...call, inputTokens: 3, outputTokens: 2, cost: 0.25 });
        await loggerOf(bench).getStats("workflow.r1");
        expectEqual(await totals(bench, runId), [750_000_000_000, 10]);
        expectEqual((await ledgerOf(bench).listCalls({ topicPrefix: "workflow.r1" })).length, 2);
        expectEqual((await ledgerOf(bench).listCalls({ topicPrefix: "workflow.r" })).length, 0);
      },
      { requires },
    ),
    claim(
      "P23",
      "a deleted run takes its calls along",
      async (bench) => {
        const runId = await createRun(bench, "r1");
        await createRun(bench, "r2");
        for (const id of [runId, "r2"]) await ledgerOf(bench).record(closedOf(id, actual));
        await bench.store.persistence.deleteRun?.(runId);
        expectEqual(
          (await ledgerOf(bench).listCalls({})).map((row) => row.runId),
          ["r2"],
        );
      },
      { requires: [...requires, "deletes"] },
    ),
    claim(
      "P23",
      "pages of calls follow one another",
      async (bench) => {
        const ledger = ledgerOf(bench);
        for (const id of ["c1", "c2", "c3"]) await ledger.openCall(callOf(id, null, { topic: "free" }));
        const first = await ledger.listCalls({ limit: 2 });
        expectEqual(
          [...first, ...(await ledger.listCalls({ limit: 2, after: "c2" }))].map(({ id }) => id),
          ["c1", "c2", "c3"],
        );
      },
      { requires },
    ),
  ],
};
