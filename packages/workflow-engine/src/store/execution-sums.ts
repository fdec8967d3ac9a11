// What a run's calls come to, by kind and execution (P23), for stores whose database does not sum.
import type { ExecutionSum, LedgerRow } from "../ports/ledger.ts";

/** What of a call is summed, and what it is summed by. */
export type SummedCall = Pick<
  LedgerRow,
  "callType" | "stageId" | "executionId" | "status" | "isEstimated" | "inputTokens" | "outputTokens" | "costPico"
>;

/** Sums calls: one sum for each call type, stage, execution, status and certainty. */
export function sumByExecution(calls: Iterable<SummedCall>): ExecutionSum[] {
  const sums = new Map<string, ExecutionSum>();
  for (const { callType, stageId, executionId, status, isEstimated, inputTokens, outputTokens, costPico } of calls) {
    const kind = { callType, stageId, executionId, status, isEstimated };
    const key = JSON.stringify(Object.values(kind));
    const sum = sums.get(key) ?? { ...kind, calls: 0, unpriced: 0, inputTokens: 0, outputTokens: 0, costPico: 0n };
    sums.set(key, sum);
    sum.calls += 1;
    sum.unpriced += costPico === null ? 1 : 0;
    sum.inputTokens += inputTokens;
    sum.outputTokens += outputTokens;
    sum.costPico += costPico ?? 0n;
  }
  return [...sums.values()];
}
