// run.cancel and run.delete as decisions: the run, its stages and its queued jobs end in one commit (P8); a deleted run leaves nothing.
import { WorkflowEngineError } from "../../errors.ts";
import { isEnded } from "../../ports/status.ts";
import type { Changes, Decide, RunState } from "../../ports/store.ts";

/** Answer of run.cancel: false when the run had ended already. */
export interface Cancelled {
  cancelled: boolean;
}

/** Cancels a run that has not ended. */
export function cancel(runId: string, reason: string | undefined): Decide<Cancelled> {
  return ({ run }, now): Changes<Cancelled> => {
    const found = requireRun(run, runId);
    if (isEnded(found.status)) return { result: { cancelled: false } };
    return {
      result: { cancelled: true },
      endOpen: "CANCELLED",
      run: {
        status: "CANCELLED",
        open: 0,
        suspended: 0,
        completedAt: now,
        queuedAt: null,
        transitionAt: null,
        error: reason ?? null,
      },
      events: [{ type: "workflow:cancelled", ...(reason !== undefined && { reason }) }],
    };
  };
}

/** Answer of run.delete. */
export interface Deleted {
  deleted: boolean;
}

/** Changes nothing: the workflow's id of a run that may be deleted, null when there is no run, RUN_STATE when it has not ended. */
export function assertDeletable(runId: string): Decide<string | null> {
  return ({ run }): Changes<string | null> => {
    if (run && !isEnded(run.status)) {
      throw new WorkflowEngineError("RUN_STATE", `Cannot delete workflow run ${runId} in ${run.status} state. Cancel it first.`);
    }
    return { result: run?.workflowId ?? null };
  };
}

/** Deletes a run that has ended, with every row that belongs to it. */
export function deleteRun(runId: string): Decide<Deleted> {
  return (snapshot, now): Changes<Deleted> => {
    const isThere = assertDeletable(runId)(snapshot, now).result !== null;
    return isThere ? { result: { deleted: true }, deleteRun: true } : { result: { deleted: false } };
  };
}

/** The run, or RUN_NOT_FOUND. */
export function requireRun(run: RunState | null, runId: string): RunState {
  if (!run) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
  return run;
}
