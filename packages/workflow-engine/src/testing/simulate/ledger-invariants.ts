// What must be so of model calls (P23): each is on the ledger before it is made, and a run's totals are the ledger's sum.
import type { SimulatedHistory, SimulatedRun } from "./finished-history.ts";
import type { Invariant, LookAtRun } from "./invariant.ts";

/** No call is made that the ledger does not know, and none is billed beyond what it counts. */
function everyCallIsOnTheLedger({ runs, calls }: SimulatedHistory): string | null {
  const done = calls.filter(({ isModel, wasDone }) => isModel && wasDone);
  const made = done.length;
  const known = runs.map(({ ledger }) => ledger);
  if (made === 0 || known.includes(null)) return null;
  const rows = known.flatMap((ledger) => ledger ?? []);
  if (rows.length < made) return `${made} calls were made, ${rows.length} are on the ledger`;
  const billed = done.reduce((sum, { tokens }) => sum + tokens, 0);
  const counted = rows.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0);
  if (counted < billed) return `${billed} tokens were billed, the ledger knows of ${counted}`;
  const stranger = rows.find(({ executionId }) => executionId === null);
  return stranger ? `call ${stranger.id} names no execution` : null;
}

/** What a run says it cost is what its calls cost. */
function totalsAreTheSum({ run, ledger }: SimulatedRun): string | null {
  if (!ledger) return null;
  const tokens = ledger.reduce((sum, row) => sum + row.inputTokens + row.outputTokens, 0);
  if (run.totalTokens !== tokens) return `says ${run.totalTokens} tokens, its calls took ${tokens}`;
  const pico = ledger.reduce((sum, row) => sum + (row.costPico ?? 0n), 0n);
  return Math.abs(run.totalCost - Number(pico) / 1e12) < 1e-9 ? null : `says $${run.totalCost}, its calls cost $${Number(pico) / 1e12}`;
}

/** A row is closed with what the provider said, or counts at its worst case and says so. */
function openRowsAreEstimates({ ledger }: SimulatedRun): string | null {
  const row = ledger?.find(({ status, isEstimated, closedAt }) => status === "open" && (!isEstimated || closedAt !== null));
  return row ? `call ${row.id} is open, and does not count at its worst case` : null;
}

/** The invariants of the ledger. */
export function ledgerInvariants(ofRuns: (look: LookAtRun) => Invariant["check"]): Invariant[] {
  return [
    { name: "P23 every model call is on the ledger", check: everyCallIsOnTheLedger },
    { name: "P23 a run's totals are the ledger's sum", check: ofRuns(totalsAreTheSum) },
    { name: "P23 an open call counts at its worst case", check: ofRuns(openRowsAreEstimates) },
  ];
}
