// The totals of a run on a CRUD adapter (P23): the sum of its logged calls, written when it ends. A call that ends later, because its
// stage was cancelled in the middle of it, is in the log and not in the totals.
import type { AICallLogger } from "../ports/ledger.ts";
import type { Persistence } from "../ports/persistence.ts";
import { isEnded } from "../ports/status.ts";
import type { Written } from "./crud-changes.ts";

/** Writes a run's totals after the commit that ended it; that they cannot be written does not undo the end. */
export async function writeTotals(
  persistence: Persistence,
  logger: AICallLogger | undefined,
  { runId, before, after }: Written,
): Promise<void> {
  if (!logger || !after || !isEnded(after.status) || (before && isEnded(before.status))) return;
  try {
    const { totalCalls, totalCost, totalInputTokens, totalOutputTokens } = await logger.getStats(`workflow.${runId}`);
    if (totalCalls > 0) await persistence.updateRun(runId, { totalCost, totalTokens: totalInputTokens + totalOutputTokens });
  } catch {
    // the log has them, and whoever reads the log is not wrong
  }
}
