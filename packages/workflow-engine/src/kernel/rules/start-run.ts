// A PENDING run starts: its first group opens in the same commit (P3, P4).
import type { WorkflowPlan } from "../../define/plan.ts";
import type { DraftEvent } from "../../ports/event.ts";
import type { Changes, Decide, RunPayloads, RunState, StageState } from "../../ports/store.ts";
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
    const first = plan.getGroup(1);
    if (!first) {
      const ended = completeRun({ run: { ...run, startedAt: now }, now }, payloads.input);
      return {
        result: startedRun(run, payloads, [], []),
        run: { ...ended.run, startedAt: now, queuedAt: null },
        events: [workflowStarted, ...ended.events],
      };
    }
    const { open, events, handed } = openGroup(first, run, freshId, now, taker);
    return {
      result: startedRun(run, payloads, open, handed),
      open,
      run: { status: "RUNNING", ...openedRun(first, now), startedAt: now, queuedAt: null },
      events: [workflowStarted].concat(events),
    };
  };
}

const workflowStarted: DraftEvent = { type: "workflow:started" };

function startedRun({ id, workflowId, priority }: RunState, payloads: RunPayloads, opened: StageState[], handed: StageState[]): StartedRun {
  return { workflowRunId: id, workflowId, priority, opened, handed, payloads };
}
