// Budgets beside the rows of a CRUD adapter (P23): the door makes and raises them, the ledger writes what is spent of them.
import type { BudgetRaise } from "./changes.ts";
import type { AICallLogger, RunBudget } from "./ledger.ts";

/** Budgets of runs and of their stages, in the transaction of the persistence they belong to. */
export interface BudgetRows {
  /** Keeps the budget of a new run. */
  create(workflowRunId: string, budget: RunBudget): Promise<void>;
  /** Raises a limit; what has none stays without, and none is lowered. */
  raise(workflowRunId: string, raise: BudgetRaise): Promise<void>;
  /** True when this logger's ledger spends of these budgets, and adds its calls to the totals of these runs. */
  isKeptBy(logger: AICallLogger): boolean;
}
