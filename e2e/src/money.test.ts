// P23 with real processes and real HTTP: runs fail, are retried, cancelled, killed and frozen, and the ledger's sum is what the server
// billed, to the pico-dollar: useful, wasted and unknown apart. `npm test` runs reduced counts, `npm run prove` the full ones.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { calculateCost, createKernel, createRegistry, getCostReport, type LedgerRow } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { type BilledCall, type Plan, type ProviderServer, startProviderServer } from "@bratsos/workflow-engine/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { pause, untilEnded } from "./mixed-runs.ts";
import { moneyWorkflows } from "./money-workflows.ts";
import { shortLeases, Workers } from "./workers.ts";

const isFull = process.env["PROOF"] === "full";
const counts = isFull ? { runs: 500, kills: 25, freezes: 6, everyMs: 400 } : { runs: 40, kills: 4, freezes: 1, everyMs: 300 };
const main = fileURLToPath(new URL("./money-main.ts", import.meta.url));

type Store = ReturnType<typeof createSqliteStore>;
/** Trouble by the number of the call: the same each time. */
function planOf(index: number): Plan {
  const roll = (Math.imul(index + 1, 2_654_435_761) >>> 0) % 100;
  const usage = { inputTokens: 20 + (index % 50), outputTokens: 1 + (index % 90) };
  if (roll < 8) return { kind: "refuse", status: 429, headers: { "retry-after-ms": "20" } };
  if (roll < 13) return { kind: "refuse", status: 500 };
  if (roll < 14) return { kind: "refuse", status: 400 };
  if (roll < 17) return { kind: "malformed", ...usage };
  if (roll < 20) return { kind: "drop", ...usage, delayMs: 10 };
  return { kind: "answer", text: `answer ${index}`, ...usage, delayMs: roll < 30 ? 400 : roll % 40 };
}

let folder: string;
let server: ProviderServer;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "money-"));
  let calls = 0;
  server = await startProviderServer({ plan: () => planOf(calls++) });
  process.env["E2E_PROVIDER"] = server.url;
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const picoOf = ({ inputTokens, outputTokens }: BilledCall): bigint =>
  BigInt(Math.round(calculateCost("gpt-4.1-mini", inputTokens, outputTokens).totalCost * 1e12));
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);
const costOf = (rows: readonly LedgerRow[]): bigint => sum(rows.map(({ costPico }) => costPico ?? 0n));

/** Pairs what was billed with the rows that know their cost; what is left over must be covered by rows that do not. */
function reconcile(rows: readonly LedgerRow[], billed: readonly BilledCall[]): { settled: bigint; uncovered: string[]; leftOver: bigint } {
  const bills = Map.groupBy(billed, ({ prompt }) => prompt);
  let settled = 0n;
  let leftOver = 0n;
  const uncovered: string[] = [];
  for (const [prompt, own] of Map.groupBy(rows, (row) => row.prompt)) {
    const open = [...(bills.get(prompt) ?? [])];
    bills.delete(prompt);
    for (const row of own.filter(({ isEstimated, costPico }) => !isEstimated && costPico !== 0n)) {
      const at = open.findIndex((bill) => bill.inputTokens === row.inputTokens && bill.outputTokens === row.outputTokens);
      if (at < 0) uncovered.push(`${prompt}: the ledger knows a cost that was not billed`);
      else settled += picoOf(open.splice(at, 1)[0]!);
    }
    const unknown = own.filter(({ isEstimated }) => isEstimated);
    if (open.length > unknown.length) uncovered.push(`${prompt}: ${open.length} bills, ${unknown.length} rows that do not know theirs`);
    if (open.some((bill) => unknown.some((row) => (row.costPico ?? 0n) < picoOf(bill))))
      uncovered.push(`${prompt}: billed more than the worst case`);
    leftOver += sum(open.map(picoOf));
  }
  for (const prompt of bills.keys()) uncovered.push(`${prompt}: billed, and not on the ledger`);
  return { settled, uncovered, leftOver };
}

/** Executions whose result a stage carries, by the stage's own word. */
async function winners(store: Store, runId: string): Promise<Set<string>> {
  const detail = await store.reader.getRunDetail(runId);
  const completed = detail?.stages.filter(({ status }) => status === "COMPLETED") ?? [];
  return new Set(completed.map(({ outputData }) => (outputData as { executionId: string }).executionId));
}

describe("money", () => {
  it(`P23: ${counts.runs} runs in trouble, ${counts.kills} workers killed: the ledger is what the server billed`, {
    timeout: 280_000,
  }, async () => {
    const path = join(folder, "runs.db");
    const store = createSqliteStore({ path });
    const kernel = createKernel({ ...store, registry: createRegistry(moneyWorkflows) });
    const workers = new Workers(join(folder, "journal"), { main });
    try {
      await Promise.all([1, 2, 3].map(() => workers.start({ store: "sqlite", place: path, ...shortLeases })));
      const creating = Array.from({ length: counts.runs }, async (_, n) => {
        await pause((n / counts.runs) * counts.kills * counts.everyMs * 0.8);
        const command = { type: "run.create", idempotencyKey: `money-${n}`, workflowId: "money", input: { n } } as const;
        const { workflowRunId } = await kernel.dispatch(command);
        if (n % 9 === 0)
          void pause(30 + (n % 7) * 40)
            .then(() => kernel.dispatch({ type: "run.cancel", workflowRunId }))
            .catch(() => undefined);
        return workflowRunId;
      });
      for (let kill = 0; kill < counts.kills; kill++) {
        await pause(counts.everyMs);
        const fresh = await workers.replace(((kill * 7) % 3) / 3);
        if (kill >= counts.freezes) continue;
        await pause(50);
        fresh.kill("SIGSTOP");
        void pause(1_800).then(() => fresh.kill("SIGCONT"));
      }
      const runIds = await Promise.all(creating);
      await untilEnded(store.reader, 200_000);
      await pause(2_500); // calls of cancelled and frozen executions end, and are closed
      await workers.close();
      await audit(store, runIds);
    } finally {
      await workers.close();
      await store.close();
    }
  });
});

async function audit(store: Store, runIds: readonly string[]): Promise<void> {
  const { ledger } = store.aiCallLogger;
  const rows: LedgerRow[] = [];
  const split = { useful: 0n, wasted: 0n, unknown: 0n };
  for (const runId of runIds) {
    const own = await ledger.listCalls({ runId, limit: 10_000 });
    rows.push(...own);
    const run = (await store.persistence.getRun(runId))!;
    expect(BigInt(Math.round(run.totalCost * 1e12))).toBe(costOf(own));
    expect(run.totalTokens).toBe(own.reduce((tokens, row) => tokens + row.inputTokens + row.outputTokens, 0));
    const won = await winners(store, runId);
    const report = await getCostReport(runId, { ledger, reader: store.reader });
    const known = own.filter(({ isEstimated }) => !isEstimated);
    expect(report.useful.costPico).toBe(costOf(known.filter(({ executionId }) => won.has(executionId ?? ""))));
    expect(report.wasted.costPico).toBe(costOf(known.filter(({ executionId }) => !won.has(executionId ?? ""))));
    expect(report.unknown.costPico).toBe(costOf(own.filter(({ isEstimated }) => isEstimated)));
    expect(report.total.costPico).toBe(costOf(own));
    split.useful += report.useful.costPico;
    split.wasted += report.wasted.costPico;
    split.unknown += report.unknown.costPico;
  }
  expect(server.violations).toEqual([]);
  const { settled, uncovered, leftOver } = reconcile(rows, server.billed);
  expect(uncovered).toEqual([]);
  expect(split.useful + split.wasted).toBe(settled);
  expect(settled + leftOver).toBe(sum(server.billed.map(picoOf)));
  expect(split.unknown >= leftOver).toBe(true);
  // trouble that hit nobody would prove little
  const open = rows.filter(({ status }) => status === "open").length;
  expect([split.wasted > 0n, leftOver > 0n, open > 0 || !isFull]).toEqual([true, true, true]);
  const figure = (claim: string, value: string | number) => recordFigure({ promise: "P23", claim, figure: value, store: "sqlite" });
  figure("runs whose ledger is what the server billed, to the pico-dollar", `${runIds.length} of ${runIds.length}`);
  figure("calls on the ledger; billed by the server; left open by a kill", `${rows.length}; ${server.billed.length}; ${open}`);
  figure(
    "dollars useful; wasted; unknown at worst case (billed of these)",
    [split.useful, split.wasted, split.unknown, leftOver].map((pico) => (Number(pico) / 1e12).toFixed(6)).join("; "),
  );
}
