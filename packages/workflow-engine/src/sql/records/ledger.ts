// The ledger in a SQL database (P23): a call, its run's totals and its budgets change in one transaction.
import type { Environment } from "../../ports/environment.ts";
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
} from "../../ports/ledger.ts";
import { assertPriced, type Counted, countOf, refusalOf } from "../../store/call-budget.ts";
import { originOfTopic } from "../../store/call-topics.ts";
import { toStorableText } from "../../store/storable-text.ts";
import { Conflict, type Row, type Session } from "../db.ts";
import { forOne } from "../dialect.ts";
import { findManyBelow, listCallsBelow, listCallsOfRun, listFewCallsBelow, listOpenCalls } from "../tables/ai-call-pages.ts";
import {
  addToBudgets,
  addToRun,
  endCall,
  ensureStageBudget,
  insertCallRow,
  insertCalls,
  limitRow,
  loadBudgets,
  loadCall,
  readBudget,
  readCall,
  readExecutionSum,
  reserve,
  sumByExecution,
  toPicoText,
} from "../tables/ai-calls.ts";
import { toText } from "./json-text.ts";
import type { Steps } from "./steps.ts";

/** Calls below a topic that are read and sorted for each page of them; a topic above more is looked for along all calls. */
const mostSorted = 10_000;
const defaultLimit = 1_000;

const insertBatch = forOne("insert_ai_batch", { batch_id: "text", created_at: "int" }, (p) => {
  return `INSERT INTO ai_batches (batch_id, created_at) VALUES (${p.batch_id}, ${p.created_at}) ON CONFLICT (batch_id) DO NOTHING`;
});

/** Leaves a transaction that must leave nothing behind. */
class Refused extends Error {
  readonly refusal: BudgetRefusal | null;

  constructor(refusal: BudgetRefusal | null) {
    super("refused");
    this.refusal = refusal;
  }
}

/** Keeps the ledger in a SQL database. */
export class SqlLedger implements Ledger {
  readonly #steps: Steps;
  readonly #environment: Pick<Environment, "newId">;
  /** Writes what the older port has noted, before anything is read. */
  readonly #flush: () => Promise<void>;

  constructor(steps: Steps, environment: Pick<Environment, "newId">, flush: () => Promise<void>) {
    this.#steps = steps;
    this.#environment = environment;
    this.#flush = flush;
  }

  async openCall(call: OpenCall): Promise<BudgetRefusal | null> {
    return this.#unlessRefused(async (session, now) => {
      const runId = call.runId ?? originOfTopic(call.topic).runId;
      if (runId !== null) await takeIn(session, runId, call);
      const state = { openedAt: now, closedAt: null, response: "", latencyMs: null, error: null };
      await session.write(insertCalls, [storable(insertCallRow(call, { ...state, status: "open", usage: call.worst, isEstimated: true }))]);
    });
  }

  async closeCall(id: string, end: CallEnd): Promise<boolean> {
    let isClosed = false;
    await this.#unlessRefused(async (session, now) => {
      isClosed = await close(session, id, end, now);
    });
    return isClosed;
  }

  async record(call: ClosedCall): Promise<string> {
    const id = this.#environment.newId();
    await this.#steps.write(({ session, now }) => insertClosed(session, [{ id, call }], now));
    return id;
  }

  async recordBatch(batchId: string, results: readonly ClosedCall[], stoodForBy?: string): Promise<boolean> {
    return this.#steps.write(async ({ session, now, newId }) => {
      if ((await session.write(insertBatch, [[batchId, now]])) === 0) return false;
      await insertClosed(
        session,
        results.map((call) => ({ id: newId(), call })),
        now,
      );
      const nothing = { inputTokens: 0, outputTokens: 0, costPico: 0n };
      if (stoodForBy !== undefined) await close(session, stoodForBy, { status: "ok", response: "", usage: nothing, latencyMs: null }, now);
      return true;
    });
  }

  async listCalls({ runId, topicPrefix = "", status = undefined, limit = defaultLimit, after = "" }: CallFilter): Promise<LedgerRow[]> {
    await this.#flush();
    const statement = status === "open" ? listOpenCalls : runId === undefined ? listCallsBelow : listCallsOfRun;
    const topic = [topicPrefix, `${topicPrefix}.`, `${topicPrefix}/`];
    const rows = await this.#steps.read(async ({ session }) => {
      const mayBeFew = statement === listCallsBelow && topicPrefix !== "";
      const isFew = mayBeFew && (await session.read(findManyBelow, [[...topic, mostSorted]])).length === 0;
      if (isFew) return session.read(listFewCallsBelow, [[...topic, status ?? "", after, limit]]);
      return session.read(statement, [[runId ?? "", ...topic, status ?? "", after, limit]]);
    });
    return rows.map(readCall);
  }

  async sumByExecution(runId: string): Promise<ExecutionSum[]> {
    await this.#flush();
    return (await this.#steps.read(({ session }) => session.read(sumByExecution, [[runId]]))).map(readExecutionSum);
  }

  async #unlessRefused(work: (session: Session, now: number) => Promise<void>): Promise<BudgetRefusal | null> {
    // the refusal leaves as a value, because whatever leaves a step by a throw is named as the database's
    let refused: Refused | null = null;
    try {
      await this.#steps.write(async ({ session, now }) => {
        await work(session, now).catch((error: unknown) => {
          if (error instanceof Refused) refused = error;
          throw error;
        });
      });
    } catch (error) {
      if (refused) return (refused as Refused).refusal;
      throw error;
    }
    return null;
  }
}

/** Inserts calls that are over, and counts them. */
export async function insertClosed(session: Session, calls: ReadonlyArray<{ id: string; call: ClosedCall }>, now: number): Promise<void> {
  if (calls.length === 0) return;
  for (const { runId, stageId, counted } of countsOf(calls.map(({ call }) => call))) await add(session, runId, stageId, counted);
  const rows = calls.map(({ id, call }): Row => {
    const { usage, status = "ok", response, latencyMs = null, error = null } = call;
    const times = { openedAt: now - (latencyMs ?? 0), closedAt: now };
    return storable(insertCallRow({ ...call, id }, { ...times, status, response, usage, isEstimated: false, latencyMs, error }));
  });
  await session.write(insertCalls, rows);
}

/** Reserves a call's worst case in its run's totals and in every budget it counts against; throws Refused. */
async function takeIn(session: Session, runId: string, call: OpenCall): Promise<void> {
  const stageId = call.stageId ?? originOfTopic(call.topic).stageId ?? "";
  const { pico, tokens } = countOf(call.worst);
  await session.write(addToRun, [[runId, pico.toString(), tokens]]);
  if (call.stageBudget && stageId !== "") await session.write(ensureStageBudget, [[runId, stageId, ...limitRow(call.stageBudget)]]);
  const budgets = (await session.read(loadBudgets, [[runId, stageId]])).map(readBudget);
  for (const budget of budgets) {
    assertPriced(budget.limit, call.worst);
    const at = budget.stageId ?? "";
    if ((await session.write(reserve, [[runId, at, pico.toString(), tokens]])) > 0) continue;
    const now = (await session.read(loadBudgets, [[runId, stageId]])).map(readBudget).find((other) => other.stageId === budget.stageId);
    throw new Refused(refusalOf(now ?? budget, call.worst));
  }
}

async function close(
  session: Session,
  id: string,
  end: Omit<CallEnd, "latencyMs"> & { latencyMs: number | null },
  now: number,
): Promise<boolean> {
  const [found] = await session.read(loadCall, [[id]]);
  const row = found && readCall(found);
  if (row?.status !== "open") return false;
  const usage: CallUsage = end.usage ?? row;
  if (row.runId !== null && end.usage) await add(session, row.runId, row.stageId ?? "", minus(countOf(usage), countOf(row)));
  const metadata = end.metadata ? toText({ ...row.metadata, ...end.metadata }) : toText(row.metadata);
  const { inputTokens, outputTokens, cachedInputTokens = 0, reasoningTokens = 0, costPico } = usage;
  const counts = [inputTokens, outputTokens, cachedInputTokens, reasoningTokens, toPicoText(costPico), end.usage ? 0 : 1];
  const params = [id, now, end.response, end.status, ...counts, end.latencyMs, end.error ?? null, metadata];
  // somebody closed it since it was read: what was added for it goes again, and the next look sees that it is closed
  if ((await session.write(endCall, [storable(params)])) === 0) throw new Conflict(`Call ${id} was closed by somebody else`);
  return true;
}

/** What a model was asked and what it said may hold anything; a call that was paid for is kept all the same. */
function storable(row: Row): Row {
  return row.map((value) => (typeof value === "string" ? toStorableText(value) : value));
}

async function add(session: Session, runId: string, stageId: string, { pico, tokens }: Counted): Promise<void> {
  await session.write(addToRun, [[runId, pico.toString(), tokens]]);
  await session.write(addToBudgets, [[runId, stageId, pico.toString(), tokens]]);
}

function minus(a: Counted, b: Counted): Counted {
  return { pico: a.pico - b.pico, tokens: a.tokens - b.tokens };
}

/** What calls count as, by run and stage, in the order of the runs' ids. */
function countsOf(calls: readonly ClosedCall[]): Array<{ runId: string; stageId: string; counted: Counted }> {
  const counts = new Map<string, { runId: string; stageId: string; counted: Counted }>();
  for (const call of calls) {
    const named = originOfTopic(call.topic);
    const runId = call.runId ?? named.runId;
    if (runId === null) continue;
    const stageId = call.stageId ?? named.stageId ?? "";
    const key = JSON.stringify([runId, stageId]);
    const before = counts.get(key)?.counted ?? { pico: 0n, tokens: 0 };
    const one = countOf(call.usage);
    counts.set(key, { runId, stageId, counted: { pico: before.pico + one.pico, tokens: before.tokens + one.tokens } });
  }
  return [...counts.values()].sort((a, b) => (a.runId < b.runId ? -1 : a.runId > b.runId ? 1 : 0));
}
