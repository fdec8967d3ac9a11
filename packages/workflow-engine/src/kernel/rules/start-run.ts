// A PENDING run starts: its first group opens in the same commit (P3, P4).
import type { WorkflowPlan } from "../../define/plan.ts";
import type { Changes, Decide, RunPayloads, StageState } from "../../ports/store.ts";
import { openGroup, type Taker } from "./open-group.ts";

/** A run that was claimed, and the stages the claimer was handed. */
export interface StartedRun {
  workflowRunId: string;
  workflowId: string;
  priority: number;
  opened: StageState[];
  handed: StageState[];
  payloads: RunPayloads;
}

const noPayloads: RunPayloads = { input: "{}", config: "{}", outputs: {}, groups: {} };

/** Starts a run that is PENDING and known to `planOf`; otherwise nothing changes and the answer is null. */
export function startRun(planOf: (workflowId: string) => WorkflowPlan | null, taker: Taker | null): Decide<StartedRun | null> {
  return ({ run, freshId, payloads = noPayloads }, now): Changes<StartedRun | null> => {
    const first = run && planOf(run.workflowId)?.getGroup(1);
    if (!run || !first || run.status !== "PENDING") return { result: null };
    const { open, events, handed } = openGroup(first, run, freshId, now, taker);
    return {
      result: { workflowRunId: run.id, workflowId: run.workflowId, priority: run.priority, opened: open, handed, payloads },
      open,
      run: { status: "RUNNING", group: 1, open: open.length, suspended: 0, startedAt: now, queuedAt: null },
      events: [{ type: "workflow:started" }, ...events],
    };
  };
}
