// A call that does not fit into a budget is not made, and this says so. A stage that lets it pass is held, or fails, as the budget says.
import { WorkflowEngineError } from "../errors.ts";
import type { BudgetRefusal } from "../ports/ledger.ts";

/** Thrown instead of making a call that does not fit; `code` is BUDGET_EXCEEDED. */
export class BudgetExceededError extends WorkflowEngineError {
  readonly refusal: BudgetRefusal;

  constructor(message: string, refusal: BudgetRefusal) {
    super("BUDGET_EXCEEDED", message);
    this.refusal = refusal;
  }
}

/** The error of a refused call. */
export function budgetExceeded(refusal: BudgetRefusal, modelKey: string): BudgetExceededError {
  const { scope, trippedBy, limit, spentPico, spentTokens, neededPico, neededTokens } = refusal;
  const numbers =
    trippedBy === "usd"
      ? `${dollars(limit.usdPico ?? 0n)}, of which ${dollars(spentPico)} are spent or reserved; this call may take ${dollars(neededPico)}`
      : `${limit.tokens} tokens, of which ${spentTokens} are spent or reserved; this call may take ${neededTokens}`;
  return new BudgetExceededError(
    `A call of "${modelKey}" does not fit into the ${scope}'s budget of ${numbers}. Raise it with budget.raise, or set maxTokens.`,
    refusal,
  );
}

function dollars(pico: bigint): string {
  return `$${Number((Number(pico) / 1e12).toPrecision(10))}`;
}
