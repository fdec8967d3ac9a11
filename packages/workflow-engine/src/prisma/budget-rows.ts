// Budgets on a Prisma client (P23): made with their run or at their stage's first call, raised by command, spent of by the ledger. With a
// table of their own one conditional UPDATE reserves; without it each is an idempotency key whose Json is changed under its lock.
import type { BudgetLimit, BudgetRefusal, CallUsage } from "../ports/ledger.ts";
import type { BudgetRaise } from "../ports/store.ts";
import { assertPriced, type BudgetState, type Counted, countOf, refusalOf } from "../store/call-budget.ts";
import type { KeyRecord } from "./key-rows.ts";
import { budgetModel, keyModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** Command type of the keys that are budgets, up to the id of the run. */
export const budgetKeyType = "ai.budget:";

/** A budget, and where it is kept. */
export interface StoredBudget extends BudgetState {
  id: string;
}

/** Of a row of the table: `stageId` is empty for the run's own. */
interface BudgetRecord {
  id: string;
  stageId: string;
  usdPico: bigint | null;
  tokens: number | null;
  onExceed: "hold" | "fail";
  spentPico: bigint;
  spentTokens: number;
}

/** Of a key: as in a row, money as text. */
interface BudgetJson extends Omit<BudgetRecord, "id" | "usdPico" | "spentPico"> {
  usdPico: string | null;
  spentPico: string;
}

/** Keeps a budget, unless it is kept already; a stage's does on excess what its run's does. Run it in a transaction. */
export async function ensureBudget(
  session: PrismaSession,
  workflowRunId: string,
  stageId: string | null,
  limit: BudgetLimit & { onExceed?: "hold" | "fail" },
): Promise<void> {
  const id = idOf(workflowRunId, stageId);
  const onExceed = limit.onExceed ?? (await findBudget(session, idOf(workflowRunId, null)))?.onExceed ?? "hold";
  const record = { id, stageId: stageId ?? "", usdPico: limit.usdPico, tokens: limit.tokens, onExceed, spentPico: 0n, spentTokens: 0 };
  if (session.hasModel(budgetModel)) {
    await new Rows<BudgetRecord>(session, budgetModel).createMissing([{ ...record, workflowRunId }]);
    return;
  }
  const key = { id, createdAt: session.now(), key: id, commandType: `${budgetKeyType}${workflowRunId}`, result: toJson(record) };
  await new Rows<KeyRecord>(session, keyModel).createMissing([key]);
}

/** The budgets that a call of this stage counts against: the run's first. */
export async function listBudgets(session: PrismaSession, runId: string, stageId: string | null): Promise<StoredBudget[]> {
  const found: StoredBudget[] = [];
  for (const id of idsOf(runId, stageId)) {
    const budget = await findBudget(session, id);
    if (budget) found.push(budget);
  }
  return found;
}

/** Reserves a call's worst case, if it fits; says why not. Looks and writes in one, so that parallel calls cannot overshoot. */
export async function reserve(session: PrismaSession, budget: StoredBudget, worst: CallUsage): Promise<BudgetRefusal | null> {
  const { pico, tokens } = countOf(worst);
  if (!session.hasModel(budgetModel)) {
    let refusal: BudgetRefusal | null = null;
    await changeKey(session, budget.id, (now) => {
      refusal = refusalOf(now, worst);
      return refusal ? now : spent(now, { pico, tokens });
    });
    return refusal;
  }
  for (let seen: StoredBudget | null = budget; seen; seen = await findBudget(session, budget.id)) {
    const { limit } = seen;
    assertPriced(limit, worst);
    const where = {
      ...{ id: seen.id, usdPico: limit.usdPico, tokens: limit.tokens },
      ...(limit.usdPico !== null && { spentPico: { lte: limit.usdPico - pico } }),
      ...(limit.tokens !== null && { spentTokens: { lte: limit.tokens - tokens } }),
    };
    if ((await session.of(budgetModel).updateMany({ where, data: increments({ pico, tokens }) })).count > 0) return null;
    const now = await findBudget(session, budget.id);
    const refusal = now && refusalOf(now, worst);
    if (refusal) return refusal; // else it was raised, or spent less, since it was read
  }
  return null;
}

/** Adds to every budget that a call of this stage counts against; what has been spent has been spent. */
export async function addToBudgets(session: PrismaSession, runId: string, stageId: string | null, counted: Counted): Promise<void> {
  for (const id of idsOf(runId, stageId)) {
    if (session.hasModel(budgetModel)) await session.of(budgetModel).updateMany({ where: { id }, data: increments(counted) });
    else await changeKey(session, id, (budget) => spent(budget, counted));
  }
}

/** Raises a limit that there is, or that its stage declares; what has none stays without, and none is lowered. */
export function raiseBudget(session: PrismaSession, runId: string, { stageId, usdPico, tokens, declared }: BudgetRaise): Promise<void> {
  return session.atomically(async (inner) => {
    const id = idOf(runId, stageId);
    if (declared && stageId !== null) await ensureBudget(inner, runId, stageId, declared);
    if (inner.hasModel(budgetModel)) {
      const rows = new Rows<BudgetRecord>(inner, budgetModel);
      if (usdPico !== null) await rows.set({ id, usdPico: { lt: usdPico } }, { usdPico });
      if (tokens !== null) await rows.set({ id, tokens: { lt: tokens } }, { tokens });
      return;
    }
    await changeKey(inner, id, (budget) => {
      const { limit } = budget;
      const usd = limit.usdPico !== null && usdPico !== null && usdPico > limit.usdPico ? usdPico : limit.usdPico;
      const most = limit.tokens !== null && tokens !== null ? Math.max(limit.tokens, tokens) : limit.tokens;
      return { ...budget, limit: { usdPico: usd, tokens: most } };
    });
  });
}

/** Deletes the budgets of a run. Run it in a transaction. */
export async function deleteBudgets(session: PrismaSession, workflowRunId: string): Promise<void> {
  if (session.hasModel(budgetModel)) await session.of(budgetModel).deleteMany({ where: { workflowRunId } });
  else await session.of(keyModel).deleteMany({ where: { commandType: `${budgetKeyType}${workflowRunId}` } });
}

async function findBudget(session: PrismaSession, id: string): Promise<StoredBudget | null> {
  if (session.hasModel(budgetModel)) {
    const record = await new Rows<BudgetRecord>(session, budgetModel).find({ id });
    return record && toBudget(record);
  }
  const key = await new Rows<KeyRecord>(session, keyModel).find({ id });
  return key && ofKey(key);
}

async function changeKey(session: PrismaSession, id: string, change: (budget: StoredBudget) => StoredBudget): Promise<void> {
  const rows = new Rows<KeyRecord>(session, keyModel);
  const key = await rows.lock(id);
  if (!key) return;
  const before = ofKey(key);
  const { limit, spentPico, spentTokens, onExceed, stageId } = change(before);
  const record = { id, stageId: stageId ?? "", ...limit, onExceed, spentPico, spentTokens };
  await rows.change(key, { result: toJson(record) });
}

function spent(budget: StoredBudget, { pico, tokens }: Counted): StoredBudget {
  return { ...budget, spentPico: budget.spentPico + pico, spentTokens: budget.spentTokens + tokens };
}

function increments({ pico, tokens }: Counted) {
  return { spentPico: { increment: pico }, spentTokens: { increment: tokens } };
}

function toBudget({ id, stageId, usdPico, tokens, onExceed, spentPico, spentTokens }: BudgetRecord): StoredBudget {
  return { id, stageId: stageId === "" ? null : stageId, limit: { usdPico, tokens }, onExceed, spentPico, spentTokens };
}

function ofKey({ id, result }: KeyRecord): StoredBudget {
  const { usdPico, spentPico, ...json } = result as BudgetJson;
  return toBudget({ ...json, id, usdPico: usdPico === null ? null : BigInt(usdPico), spentPico: BigInt(spentPico) });
}

function toJson({ id: _, usdPico, spentPico, ...record }: BudgetRecord): BudgetJson {
  return { ...record, usdPico: usdPico === null ? null : usdPico.toString(), spentPico: spentPico.toString() };
}

function idsOf(runId: string, stageId: string | null): string[] {
  return [idOf(runId, null), ...(stageId === null ? [] : [idOf(runId, stageId)])];
}

/** The stage is encoded, so that the last slash parts it from a run's id that may hold anything. */
function idOf(runId: string, stageId: string | null): string {
  return `${budgetKeyType}${runId}/${encodeURIComponent(stageId ?? "")}`;
}
