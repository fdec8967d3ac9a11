// run.cancel: the run, its stages and its jobs end in one commit; running stages are aborted wherever they run (P8).
import type { KernelParts } from "../execute/parts.ts";
import { type Cancelled, cancel } from "../rules/cancel.ts";
import type { RunCancelCommand } from "./command.ts";
import { requireText } from "./fields.ts";

/** Cancels a run that has not ended. */
export function runCancel(parts: KernelParts, command: RunCancelCommand): Promise<Cancelled> {
  const runId = requireText(command, "workflowRunId");
  return parts.store.transact({ runId, decide: cancel(runId, command.reason) });
}
