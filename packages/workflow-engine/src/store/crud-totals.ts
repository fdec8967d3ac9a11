// Money on a CRUD adapter (P23): whether its budgets can be kept, and the totals of a run. Where the ledger does not keep those itself, they
// are the sum of the run's logged calls, written when it ends. A call that ends later, because its stage was cancelled in the middle of it,
// is then in the log and not in the totals.
import type { AICallLogger } from "../ports/ledger.ts";
import type { Persistence } from "../ports/persistence.ts";
import { isEnded } from "../ports/status.ts";
import type { Written } from "./crud-changes.ts";

/** True when runs may have budgets: the adapter has a place for them, and whoever makes calls here spends of them. */
export function keepsBudgets({ budgets }: Persistence, logger: AICallLogger | undefined): boolean {
  // who makes no calls may still make and raise budgets for those who do
  return budgets !== undefined && (logger === undefined || budgets.isKeptBy(logger));
}

/** Writes the totals of runs that ended. */
export class RunTotals {
  readonly #persistence: Persistence;
  /** Null when there is nothing to sum, or its ledger writes the totals itself. */
  readonly #logger: AICallLogger | null;

  constructor(persistence: Persistence, logger: AICallLogger | undefined) {
    this.#persistence = persistence;
    this.#logger = logger && !persistence.budgets?.isKeptBy(logger) ? logger : null;
  }

  /** Writes a run's totals after the commit that ended it; that they cannot be written does not undo the end. */
  async write({ runId, before, after }: Written): Promise<void> {
    if (!this.#logger || !after || !isEnded(after.status) || (before && isEnded(before.status))) return;
    try {
      const { totalCalls, totalCost, totalInputTokens, totalOutputTokens } = await this.#logger.getStats(`workflow.${runId}`);
      if (totalCalls > 0) await this.#persistence.updateRun(runId, { totalCost, totalTokens: totalInputTokens + totalOutputTokens });
    } catch {
      // the log has them, and whoever reads the log is not wrong
    }
  }
}
