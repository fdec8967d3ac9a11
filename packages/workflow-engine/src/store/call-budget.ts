// Whether a call fits into a budget, and what the ledger counts. The SQL stores ask the same question inside their UPDATE.
import { WorkflowEngineError } from "../errors.ts";
import type { BudgetLimit, BudgetRefusal, CallUsage } from "../ports/ledger.ts";

/** A budget with what is spent and reserved of it. */
export interface BudgetState {
  /** Null for the run's own. */
  stageId: string | null;
  limit: BudgetLimit;
  onExceed: "hold" | "fail";
  spentPico: bigint;
  spentTokens: number;
}

/** What a call counts as: cost 0 while its price is unknown, which the row says. */
export interface Counted {
  pico: bigint;
  tokens: number;
}

/** What a call with this usage counts as. */
export function countOf(usage: CallUsage): Counted {
  return { pico: usage.costPico ?? 0n, tokens: usage.inputTokens + usage.outputTokens };
}

/** Why a call that may take so much does not fit; null when it does. A budget in dollars takes no call of unknown price. */
export function refusalOf(budget: BudgetState, worst: CallUsage): BudgetRefusal | null {
  const { limit } = budget;
  assertPriced(limit, worst);
  const needed = countOf(worst);
  const isOverUsd = limit.usdPico !== null && budget.spentPico + needed.pico > limit.usdPico;
  const isOverTokens = limit.tokens !== null && budget.spentTokens + needed.tokens > limit.tokens;
  if (!isOverUsd && !isOverTokens) return null;
  return {
    scope: budget.stageId === null ? "run" : "stage",
    trippedBy: isOverUsd ? "usd" : "tokens",
    onExceed: budget.onExceed,
    limit,
    ...{ spentPico: budget.spentPico, spentTokens: budget.spentTokens, neededPico: needed.pico, neededTokens: needed.tokens },
  };
}

/** Throws PRICE_UNKNOWN for a call whose cost nobody can bound against a limit in dollars. */
export function assertPriced(limit: BudgetLimit, worst: CallUsage): void {
  if (limit.usdPico === null || worst.costPico !== null) return;
  throw new WorkflowEngineError(
    "PRICE_UNKNOWN",
    "This call's model has no known price, so it cannot be held to a budget in dollars. Register the model with its prices, or set a budget in tokens.",
  );
}
