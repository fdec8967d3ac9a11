// Budgets as the door writes them: made with their run, raised by command. What is spent of them is the ledger's to write.
import type { BudgetLimit, RunBudget } from "../../ports/ledger.ts";
import type { BudgetRaise } from "../../ports/store.ts";
import type { Row } from "../db.ts";
import { forRows } from "../dialect.ts";
import { limitRow, toPicoText } from "./ai-calls.ts";

/** Inserts the budgets of new runs. */
export const insertBudgets = forRows(
  "insert_budgets",
  { run_id: "text", stage_id: "text", usd_pico: "int", tokens: "int", on_exceed: "text", spent_pico: "int", spent_tokens: "int" },
  (_, { insert }) => insert("ai_budgets"),
);

/** Parameters of `insertBudgets`. */
export function insertBudgetRow(runId: string, budget: RunBudget): Row {
  return [runId, "", ...limitRow(budget), budget.onExceed, 0, 0];
}

/** Keeps budgets of stages, as they declare them, unless they are kept already; the run's says what happens when one is exceeded. */
export const ensureBudgets = forRows(
  "ensure_budgets",
  { run_id: "text", stage_id: "text", usd: "text", most: "int" },
  (u, { from }) => `INSERT INTO ai_budgets (run_id, stage_id, usd_pico, tokens, on_exceed, spent_pico, spent_tokens)
    SELECT ${u.run_id}, ${u.stage_id}, CAST(${u.usd} AS BIGINT), ${u.most},
      coalesce((SELECT b.on_exceed FROM ai_budgets b WHERE b.run_id = ${u.run_id} AND b.stage_id = ''), 'hold'), 0, 0
    ${from} WHERE true ON CONFLICT (run_id, stage_id) DO NOTHING`,
);

/** Parameters of `ensureBudgets`. */
export function ensureBudgetRow(runId: string, stageId: string, { usdPico, tokens }: BudgetLimit): Row {
  return [runId, stageId, toPicoText(usdPico), tokens];
}

/** Raises limits that there are; what has none stays without, and none is lowered. */
export const raiseBudgets = forRows("raise_budgets", { run_id: "text", stage_id: "text", usd: "text", most: "int" }, (u, { from }) => {
  const usd = `CAST(${u.usd} AS BIGINT)`;
  return `UPDATE ai_budgets SET usd_pico = CASE WHEN ${usd} > usd_pico THEN ${usd} ELSE usd_pico END,
    tokens = CASE WHEN ${u.most} > tokens THEN ${u.most} ELSE tokens END
    ${from} WHERE ai_budgets.run_id = ${u.run_id} AND ai_budgets.stage_id = ${u.stage_id}`;
});

/** Parameters of `raiseBudgets`. */
export function raiseBudgetRow(runId: string, { stageId, usdPico, tokens }: BudgetRaise): Row {
  return [runId, stageId ?? "", toPicoText(usdPico), tokens];
}
