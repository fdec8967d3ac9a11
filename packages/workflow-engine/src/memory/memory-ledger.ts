// The ledger in memory (P23): calls, and the totals and budgets that change with them in one step.
import { WorkflowEngineError } from "../errors.ts";
import type {
  AICallInput,
  BudgetRefusal,
  CallEnd,
  CallFilter,
  CallUsage,
  ClosedCall,
  ExecutionSum,
  Ledger,
  LedgerRow,
  OpenCall,
} from "../ports/ledger.ts";
import { countOf, refusalOf } from "../store/call-budget.ts";
import { isBelowTopic, originOfTopic } from "../store/call-topics.ts";
import { sumByExecution } from "../store/execution-sums.ts";
import { closedCallOf } from "../store/logged-call.ts";
import { budgetKey } from "./delete-run.ts";
import type { BudgetRow, MemoryTables } from "./memory-tables.ts";
import { compareText } from "./table.ts";

/** Where rows get their time and ids. */
export interface LedgerEnvironment {
  now(): number;
  newId(): string;
}

const defaultLimit = 1_000;

/** Keeps the ledger in the tables of a memory store. */
export class MemoryLedger implements Ledger {
  readonly #tables: MemoryTables;
  readonly #environment: LedgerEnvironment;

  constructor(tables: MemoryTables, environment: LedgerEnvironment) {
    this.#tables = tables;
    this.#environment = environment;
  }

  openCall(call: OpenCall): Promise<BudgetRefusal | null> {
    const tables = this.#tables;
    return tables.step(() => {
      if (tables.calls.get(call.id)) throw new WorkflowEngineError("STORE_REFUSED", `Call ${call.id} is in the ledger already`);
      const row = openRow(call, this.#environment.now());
      if (call.stageBudget && row.runId !== null && row.stageId !== null)
        ensureStageBudget(tables, row.runId, row.stageId, call.stageBudget);
      for (const budget of budgetsOf(tables, row)) {
        const refusal = refusalOf(budget, call.worst);
        if (refusal) return refusal;
      }
      tables.calls.set(row.id, row);
      count(tables, row, call.worst, null);
      return null;
    });
  }

  closeCall(id: string, end: CallEnd): Promise<boolean> {
    return this.#tables.step(() => {
      const row = this.#tables.calls.get(id);
      if (row?.status !== "open") return false;
      const usage = end.usage ?? row;
      this.#tables.calls.set(id, {
        ...row,
        ...usageFields(usage),
        status: end.status,
        closedAt: new Date(this.#environment.now()),
        response: end.response,
        isEstimated: end.usage === null,
        latencyMs: end.latencyMs,
        error: end.error ?? null,
        metadata: end.metadata ? structuredClone({ ...row.metadata, ...end.metadata }) : row.metadata,
      });
      count(this.#tables, row, usage, row);
      return true;
    });
  }

  record(call: ClosedCall): Promise<string> {
    return this.#tables.step(() => this.#put(closedRow(call, this.#environment.newId(), this.#environment.now())));
  }

  /** Logs a call without anybody waiting for it. */
  note(call: AICallInput): void {
    const row = closedRow(closedCallOf(call), this.#environment.newId(), this.#environment.now());
    this.#tables.note(() => void this.#put(row));
  }

  recordBatch(batchId: string, results: readonly ClosedCall[], stoodForBy?: string): Promise<boolean> {
    return this.#tables.step(() => {
      if (this.#tables.batches.get(batchId)) return false;
      this.#tables.batches.set(batchId, { id: batchId });
      for (const result of results) this.#put(closedRow(result, this.#environment.newId(), this.#environment.now()));
      const stood = stoodForBy === undefined ? undefined : this.#tables.calls.get(stoodForBy);
      if (stood?.status === "open") this.#closeAtNoCost(stood);
      return true;
    });
  }

  async listCalls(filter: CallFilter): Promise<LedgerRow[]> {
    const { runId, topicPrefix = "", status, limit = defaultLimit, after = "" } = filter;
    const rows = runId === undefined ? this.#tables.calls.values() : this.#tables.calls.by("run", runId);
    return rows
      .filter((row) => isBelowTopic(row.topic, topicPrefix) && (status === undefined || row.status === status) && row.id > after)
      .sort((a, b) => compareText(a.id, b.id))
      .slice(0, limit)
      .map((row) => structuredClone(row));
  }

  async sumByExecution(runId: string): Promise<ExecutionSum[]> {
    return sumByExecution(this.#tables.calls.by("run", runId));
  }

  #put(row: LedgerRow): string {
    this.#tables.calls.set(row.id, row);
    count(this.#tables, row, row, null);
    return row.id;
  }

  #closeAtNoCost(row: LedgerRow): void {
    const nothing = { inputTokens: 0, outputTokens: 0, costPico: 0n };
    const closedAt = new Date(this.#environment.now());
    this.#tables.calls.set(row.id, { ...row, ...usageFields(nothing), status: "ok", isEstimated: false, closedAt });
    count(this.#tables, row, nothing, row);
  }
}

function usageFields(
  usage: CallUsage,
): Pick<LedgerRow, "inputTokens" | "outputTokens" | "cachedInputTokens" | "reasoningTokens" | "costPico"> {
  const { inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0, costPico } = usage;
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, costPico };
}

function openRow(call: OpenCall, now: number): LedgerRow {
  const { id, topic, callType, modelKey, modelId, prompt, price, attempt, executionId } = call;
  const named = originOfTopic(topic);
  return {
    ...{ id, topic, callType, modelKey, modelId, prompt, price, attempt, executionId, ...usageFields(call.worst) },
    ...{ runId: call.runId ?? named.runId, stageId: call.stageId ?? named.stageId, openedAt: new Date(now), closedAt: null },
    ...{ response: "", status: "open", isEstimated: true, latencyMs: null, error: null, metadata: structuredClone(call.metadata ?? null) },
  };
}

function closedRow(call: ClosedCall, id: string, now: number): LedgerRow {
  const { usage, status = "ok", response, latencyMs = null, error = null, ...rest } = call;
  const opened = openRow({ ...rest, id, worst: usage }, now - (latencyMs ?? 0));
  return { ...opened, status, response, latencyMs, error, isEstimated: false, closedAt: new Date(now) };
}

function budgetsOf(tables: MemoryTables, { runId, stageId }: LedgerRow): BudgetRow[] {
  if (runId === null) return [];
  return tables.budgets.by("run", runId).filter((budget) => budget.stageId === null || budget.stageId === stageId);
}

/** Keeps a stage's budget, as it declares it, unless it is kept already. */
export function ensureStageBudget(tables: MemoryTables, runId: string, stageId: string, limit: BudgetRow["limit"]): void {
  const key = budgetKey(runId, stageId);
  if (tables.budgets.get(key)) return;
  const onExceed = tables.budgets.get(budgetKey(runId, null))?.onExceed ?? "hold";
  tables.budgets.set(key, { runId, stageId, limit: { ...limit }, onExceed, spentPico: 0n, spentTokens: 0 });
}

/** Adds what a call counts as now to its run's totals and its budgets, less what it counted as before. */
function count(tables: MemoryTables, row: LedgerRow, now: CallUsage, before: CallUsage | null): void {
  if (row.runId === null) return;
  const [add, sub] = [countOf(now), before ? countOf(before) : { pico: 0n, tokens: 0 }];
  const [pico, tokens] = [add.pico - sub.pico, add.tokens - sub.tokens];
  const run = tables.runs.get(row.runId);
  if (run) tables.runs.set(row.runId, { ...run, costPico: run.costPico + pico, totalTokens: run.totalTokens + tokens });
  for (const budget of budgetsOf(tables, row)) {
    const spent = { spentPico: budget.spentPico + pico, spentTokens: budget.spentTokens + tokens };
    tables.budgets.set(budgetKey(budget.runId, budget.stageId), { ...budget, ...spent });
  }
}
