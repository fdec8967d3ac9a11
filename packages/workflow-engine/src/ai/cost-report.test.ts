// The split of a run's money by what became of its executions, with literals.
import { describe, expect, it } from "vitest";
import type { ExecutionSum } from "../ports/ledger.ts";
import type { AttemptRecord } from "../ports/reader.ts";
import { reportOf } from "./cost-report.ts";

const spent = (executionId: string | null, costPico: bigint, more: Partial<ExecutionSum> = {}): ExecutionSum => ({
  ...{
    callType: "text",
    stageId: "s",
    executionId,
    status: "ok",
    isEstimated: false,
    calls: 1,
    unpriced: 0,
    inputTokens: 1,
    outputTokens: 1,
    costPico,
  },
  ...more,
});
const tried = (executionId: string, status: AttemptRecord["status"], stageId = "s"): AttemptRecord => ({
  ...{ workflowRunId: "r", stageId, item: 0, attempt: 1, executionId, workerId: null, startedAt: null, endedAt: null, status, error: null },
});

describe("cost report", () => {
  it("splits useful from wasted and unknown, and loses nothing", () => {
    const sums = [
      spent("won", 1n),
      spent("failed", 2n),
      spent("lost", 4n),
      spent("gone", 8n),
      spent("cancelled", 16n, { stageId: "c" }),
      spent("won", 32n, { isEstimated: true, status: "open" }),
      spent(null, 64n),
    ];
    const attempts = [tried("failed", "FAILED"), tried("lost", "LOST"), tried("won", "COMPLETED"), tried("cancelled", "CANCELLED", "c")];
    const report = reportOf(sums, attempts);
    expect([report.useful.costPico, report.unknown.costPico, report.total.costPico]).toEqual([65n, 32n, 127n]);
    const { retried, discarded, cancelled } = report.wasted.byReason;
    expect([retried.costPico, discarded.costPico, cancelled.costPico, report.wasted.costPico]).toEqual([2n, 12n, 16n, 30n]);
  });

  it("follows a suspended stage to its end, and a batch's poll with it", () => {
    const sums = [spent("submitted", 1n), spent("poll", 2n, { callType: "batch" })];
    const split = (last: AttemptRecord["status"] | null) => {
      const { useful, wasted, underWay } = reportOf(sums, [tried("submitted", "SUSPENDED"), ...(last ? [tried("end", last)] : [])]);
      return [useful.costPico, wasted.costPico, underWay.costPico];
    };
    expect([split("COMPLETED"), split("FAILED"), split("CANCELLED"), split(null)]).toEqual([
      [3n, 0n, 0n],
      [0n, 3n, 0n],
      [0n, 3n, 0n],
      [0n, 0n, 3n],
    ]);
  });
});
