// The ledger on a Prisma client (P23): a call, its run's totals and its budgets change in one transaction. Who writes several tables goes
// by runs, then calls and budgets, so that nobody waits in a circle.
import type {
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
import type { RunRecord } from "../ports/run.ts";
import { type Counted, countOf } from "../store/call-budget.ts";
import { toDollars, toPico } from "../store/pico-dollars.ts";
import { addToBudgets, ensureBudget, listBudgets, reserve } from "./budget-rows.ts";
import { type CallRecord, closedRecord, openRecord, toLedgerRow, usageFields, usageOf } from "./call-records.ts";
import { endCall, findCall, insertCalls, listCalls, sumCalls } from "./call-rows.ts";
import { acquireKey, completeKey } from "./key-rows.ts";
import { runModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** Command type of the keys that stand for recorded batches. */
export const batchKeyType = "ai.recordBatch";

const defaultLimit = 1_000;
const nothing: CallUsage = { inputTokens: 0, outputTokens: 0, costPico: 0n };

/** Leaves a transaction that must leave nothing behind. */
class Refused extends Error {
  readonly refusal: BudgetRefusal;

  constructor(refusal: BudgetRefusal) {
    super("refused");
    this.refusal = refusal;
  }
}

/** Keeps the ledger in the tables of a Prisma client. */
export class PrismaLedger implements Ledger {
  readonly #session: PrismaSession;
  /** Writes what the older port has noted, before anything is read. */
  readonly #flush: () => Promise<void>;

  constructor(session: PrismaSession, flush: () => Promise<void>) {
    this.#session = session;
    this.#flush = flush;
  }

  async openCall(call: OpenCall): Promise<BudgetRefusal | null> {
    const record = openRecord(call, this.#session.now());
    try {
      await this.#session.atomically(async (inner) => {
        await takeIn(inner, record, call);
        await insertCalls(inner, [record]);
      });
      return null;
    } catch (error) {
      if (error instanceof Refused) return error.refusal;
      throw error;
    }
  }

  closeCall(id: string, end: CallEnd): Promise<boolean> {
    return this.#session.atomically((inner) => close(inner, id, end));
  }

  async record(call: ClosedCall): Promise<string> {
    const record = closedRecord(call, this.#session.newId(), this.#session.now());
    await this.#session.atomically((inner) => insertClosed(inner, [record]));
    return record.id;
  }

  recordBatch(batchId: string, results: readonly ClosedCall[], stoodForBy?: string): Promise<boolean> {
    return this.#session.atomically(async (inner) => {
      const state = await acquireKey(inner, batchId, batchKeyType, {});
      if (state.status !== "acquired") return false;
      await insertClosed(
        inner,
        results.map((result) => closedRecord(result, inner.newId(), inner.now())),
      );
      await completeKey(inner, batchId, batchKeyType, { calls: results.length });
      if (stoodForBy !== undefined) await close(inner, stoodForBy, { status: "ok", response: "", usage: nothing, latencyMs: null });
      return true;
    });
  }

  async listCalls({ limit = defaultLimit, ...filter }: CallFilter): Promise<LedgerRow[]> {
    await this.#flush();
    return (await listCalls(this.#session, { ...filter, limit })).map(toLedgerRow);
  }

  async sumByExecution(runId: string): Promise<ExecutionSum[]> {
    await this.#flush();
    return sumCalls(this.#session, runId);
  }
}

/** Inserts calls that are over, and counts them. */
async function insertClosed(session: PrismaSession, records: readonly CallRecord[]): Promise<void> {
  const groups = [...Map.groupBy(records, ({ workflowRunId, stageId }) => JSON.stringify([workflowRunId, stageId]))];
  // in the order of ids, so that two that record for the same runs never wait for each other
  for (const [, calls] of groups.sort(([a], [b]) => (a < b ? -1 : 1))) {
    const counts = calls.map((call) => countOf(usageOf(call)));
    await add(session, calls[0]!, {
      pico: counts.reduce((sum, { pico }) => sum + pico, 0n),
      tokens: counts.reduce((sum, { tokens }) => sum + tokens, 0),
    });
  }
  await insertCalls(session, records);
}

/** Reserves a call's worst case in its run's totals and in every budget it counts against; throws Refused. */
async function takeIn(session: PrismaSession, { workflowRunId: runId, stageId }: CallRecord, call: OpenCall): Promise<void> {
  if (runId === null) return;
  await addToRun(session, runId, countOf(call.worst));
  if (call.stageBudget && stageId !== null) await ensureBudget(session, runId, stageId, call.stageBudget);
  for (const budget of await listBudgets(session, runId, stageId)) {
    const refusal = await reserve(session, budget, call.worst);
    if (refusal) throw new Refused(refusal);
  }
}

async function close(session: PrismaSession, id: string, end: Omit<CallEnd, "latencyMs"> & { latencyMs: number | null }): Promise<boolean> {
  const found = await findCall(session, id);
  if (found?.status !== "open") return false;
  if (found.workflowRunId !== null) await session.lock(runModel, found.workflowRunId);
  const isClosed = await endCall(session, found, {
    ...{ status: end.status, closedAt: session.now(), response: end.response, latencyMs: end.latencyMs, error: end.error ?? null },
    ...{ ...(end.usage && usageFields(end.usage)), isEstimated: end.usage === null },
    ...(end.metadata && { metadata: { ...found.metadata, ...end.metadata } }),
  });
  if (isClosed && end.usage) await add(session, found, minus(countOf(end.usage), countOf(usageOf(found))));
  return isClosed;
}

async function add(session: PrismaSession, { workflowRunId: runId, stageId }: CallRecord, counted: Counted): Promise<void> {
  if (runId === null) return;
  await addToRun(session, runId, counted);
  await addToBudgets(session, runId, stageId, counted);
}

/** Adds to the totals of a run, and locks it; columns that could overflow or round are changed under its lock. */
async function addToRun(session: PrismaSession, id: string, { pico, tokens }: Counted): Promise<void> {
  const codec = session.codec(runModel);
  if (codec.isExact("totalCost") && codec.isExact("totalTokens")) {
    const data = { totalCost: { increment: pico }, totalTokens: { increment: tokens } };
    await session.of(runModel).updateMany({ where: { id }, data });
    return;
  }
  const rows = new Rows<RunRecord>(session, runModel);
  const run = await rows.lock(id);
  // whole pico-dollars are added, so that small costs do not drift: exact below 9,007 dollars, which is what a Float holds
  if (run) await rows.set({ id }, { totalCost: toDollars(toPico(run.totalCost) + pico), totalTokens: run.totalTokens + tokens });
}

function minus(a: Counted, b: Counted): Counted {
  return { pico: a.pico - b.pico, tokens: a.tokens - b.tokens };
}
