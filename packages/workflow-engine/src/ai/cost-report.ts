// Where a run's money went: useful, wasted on work that was thrown away, or not known. The ledger says what was spent by which execution;
// the attempts say what became of it.
import { toDollars } from "../models/pico-price.ts";
import type { ExecutionSum, Ledger } from "../ports/ledger.ts";
import type { AttemptRecord, Reader } from "../ports/reader.ts";

/** A sum of calls. */
export interface CostSum {
  calls: number;
  inputTokens: number;
  outputTokens: number;
  costPico: bigint;
  /** US dollars, for display. */
  cost: number;
  /** Of the calls, how many have no known price: they add nothing to the cost. */
  unpriced: number;
}

/** What became of an execution. */
export type ExecutionFate = "useful" | "retried" | "discarded" | "cancelled" | "underWay";

/** The cost of a run. `total` is the sum of `useful`, `wasted`, `underWay` and `unknown`, and what the run's own totals say. */
export interface CostReport {
  total: CostSum;
  useful: CostSum;
  /** Known cost of attempts that failed, of results that were discarded, and of work that was cancelled. */
  wasted: CostSum & { byReason: Record<"retried" | "discarded" | "cancelled", CostSum> };
  /** Known cost of executions that have not ended. */
  underWay: CostSum;
  /** Calls whose end nobody knows, at their worst case. */
  unknown: CostSum;
}

/** Reads the cost of a run. */
export async function getCostReport(workflowRunId: string, { ledger, reader }: { ledger: Ledger; reader: Reader }): Promise<CostReport> {
  const [sums, attempts] = await Promise.all([ledger.sumByExecution(workflowRunId), reader.listAttempts(workflowRunId)]);
  return reportOf(sums, attempts);
}

/** Splits sums by what became of their executions. */
export function reportOf(sums: readonly ExecutionSum[], attempts: readonly AttemptRecord[]): CostReport {
  const isKnown = ({ isEstimated }: ExecutionSum): boolean => !isEstimated;
  const fates = sums.map((sum) => ({ sum, fate: fateOf(sum, attempts) }));
  const of = (fate: ExecutionFate): CostSum => add(fates.filter((each) => each.fate === fate && isKnown(each.sum)).map(({ sum }) => sum));
  const byReason = { retried: of("retried"), discarded: of("discarded"), cancelled: of("cancelled") };
  return {
    total: add(sums),
    useful: of("useful"),
    wasted: { ...add(Object.values(byReason)), byReason },
    underWay: of("underWay"),
    unknown: add(sums.filter((sum) => !isKnown(sum))),
  };
}

/** What became of the execution that made these calls. Calls that name none belong to nobody who could have thrown them away. */
function fateOf({ executionId, stageId, callType, status }: ExecutionSum, attempts: readonly AttemptRecord[]): ExecutionFate {
  if (executionId === null) return "useful";
  const own = attempts.find((attempt) => attempt.executionId === executionId);
  const last = attempts.filter((attempt) => attempt.stageId === stageId).at(-1);
  // a suspended stage goes on under another name, and a poll has no attempt of its own
  const isHandedOn = own?.status === "SUSPENDED" || (own === undefined && callType === "batch" && status === "ok");
  const decisive = isHandedOn ? last?.status : own?.status;
  if (isHandedOn && (decisive === "SUSPENDED" || decisive === undefined)) return "underWay";
  if (decisive === "COMPLETED") return "useful";
  if (decisive === "RUNNING" || decisive === "PENDING") return "underWay";
  if (decisive === "FAILED") return "retried";
  return decisive === "CANCELLED" || decisive === "SKIPPED" ? "cancelled" : "discarded";
}

function add(sums: ReadonlyArray<Pick<ExecutionSum, "calls" | "inputTokens" | "outputTokens" | "costPico" | "unpriced">>): CostSum {
  const total = { calls: 0, inputTokens: 0, outputTokens: 0, costPico: 0n, unpriced: 0 };
  for (const sum of sums) {
    total.calls += sum.calls;
    total.inputTokens += sum.inputTokens;
    total.outputTokens += sum.outputTokens;
    total.costPico += sum.costPico;
    total.unpriced += sum.unpriced;
  }
  return { ...total, cost: toDollars(total.costPico) };
}
