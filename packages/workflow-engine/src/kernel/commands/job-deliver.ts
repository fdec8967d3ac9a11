// One delivery of a job by a queue that is not ours and that delivers again what it is not told to forget (settled question 3). A
// delivery may come twice, late, out of order, or after the process that had it was killed: exactly one result is written (P13, P14).
import { errorCodeOf } from "../../errors.ts";
import type { ExecutionRef } from "../../ports/store.ts";
import { type KernelParts, planOf } from "../execute/parts.ts";
import { reap } from "../rules/reap.ts";
import type { JobExecuteCommand } from "./command.ts";
import { type ExecutionEnd, executeStage } from "./job-execute.ts";
import { moveOn } from "./run-transition.ts";

/** What a host knows of a delivery. */
export interface DeliveryOptions {
  /** Milliseconds after which a lease that nobody renewed is over, and this delivery takes its stage. */
  staleLeaseThresholdMs: number;
  /** Gives the stage back when it aborts. */
  handBack?: AbortSignal | undefined;
}

const maxStale = 500;
const busy: ExecutionEnd = {
  result: { outcome: "failed", error: "in progress", retryable: true },
  isExecuted: false,
  retryAfterMs: null,
};

/** Executes the job of a delivery and moves its run on in the same commit; what has ended already is moved on if nobody did. */
export async function deliverJob(parts: KernelParts, command: JobExecuteCommand, options: DeliveryOptions): Promise<ExecutionEnd> {
  const first = await execute(parts, command, options);
  const isBusy = first.result.outcome === "failed" && first.result.error === busy.result.error;
  const end = isBusy && (await takeOver(parts, command, options)) ? await execute(parts, command, options) : first;
  // a process that died between two plain commands left an end that nobody followed up
  if (!end.isExecuted && end.result.outcome === "completed") await moveOn(parts, command.workflowRunId);
  return end;
}

async function execute(
  parts: KernelParts,
  command: JobExecuteCommand,
  { staleLeaseThresholdMs, handBack }: DeliveryOptions,
): Promise<ExecutionEnd> {
  try {
    return await executeStage(parts, command, { advances: true, keyLeaseMs: staleLeaseThresholdMs, handBack });
  } catch (error) {
    if (errorCodeOf(error) === "IDEMPOTENCY_IN_PROGRESS") return busy;
    throw error;
  }
}

/** Takes the stage from a process that has died, for the delivery at hand: it waits for its caller, and that is us. */
async function takeOver(
  parts: KernelParts,
  { workflowRunId, stageId }: JobExecuteCommand,
  { staleLeaseThresholdMs }: DeliveryOptions,
): Promise<boolean> {
  const stale = await parts.store.listStale(staleLeaseThresholdMs, maxStale);
  const isOurs = (ref: ExecutionRef): boolean => ref.runId === workflowRunId && ref.stageId === stageId;
  const reaped = await Promise.all(
    stale.filter(isOurs).map((ref) =>
      parts.store.transact({
        runId: ref.runId,
        stage: { stageId: ref.stageId, item: ref.item },
        decide: reap(ref, (id) => planOf(parts.registry, id), "caller"),
      }),
    ),
  );
  return reaped.some(({ outcome }) => outcome !== "discarded");
}
