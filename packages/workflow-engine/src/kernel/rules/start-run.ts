// A PENDING run starts: its first group opens in the same commit (P3, P4).
import type { WorkflowPlan } from "../../define/plan.ts";
import type { Changes, Decide, RunPayloads, StageState } from "../../ports/store.ts";
import { completeRun } from "./advance.ts";
import { openedRun, openGroup, type Taker } from "./open-group.ts";

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

/** Starts a run that is PENDING and known to `planOf`, else answers null; a run without stages completes with its input, so that it is not claimed for ever. */
export function startRun(planOf: (workflowId: string) => WorkflowPlan | null, taker: Taker | null): Decide<StartedRun | null> {
  return ({ run, freshId, payloads = noPayloads }, now): Changes<StartedRun | null> => {
    const plan = run && planOf(run.workflowId);
    if (!run || !plan || run.status !== "PENDING") return { result: null };
    const started = { workflowRunId: run.id, workflowId: run.workflowId, priority: run.priority, payloads };
    const first = plan.getGroup(1);
    if (!first) {
      const ended = completeRun({ run: { ...run, startedAt: now }, now }, payloads.input);
      return {
        result: { ...started, opened: [], handed: [] },
        run: { ...ended.run, startedAt: now, queuedAt: null },
        events: [{ type: "workflow:started" }, ...ended.events],
      };
    }
    const { open, events, handed } = openGroup(first, run, freshId, now, taker);
    return {
      result: { ...started, opened: open, handed },
      open,
      run: { status: "RUNNING", ...openedRun(first, now), startedAt: now, queuedAt: null },
      events: [{ type: "workflow:started" }, ...events],
    };
  };
}
