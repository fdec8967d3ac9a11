// run.transition as a decision: what the caller's stages have brought about (P4, P5, P17). Idempotent: what has moved already is a noop.
import type { WorkflowPlan } from "../../define/plan.ts";
import type { Decide, JsonText, StageState } from "../../ports/store.ts";
import { closeGroup, failRun, needsOutputs, type OnwardChanges } from "./advance.ts";
import type { Taker } from "./open-group.ts";

/** What run.transition did. */
export interface Transition {
  action: "advanced" | "completed" | "failed" | "noop";
  nextGroup?: number;
  handed: StageState[];
  workflowId: string;
}

/** What a transition needs besides the snapshot. */
export interface TransitionOptions {
  planOf(workflowId: string): WorkflowPlan | null;
  taker: Taker | null;
  checkOutput?: ((workflowId: string, output: JsonText) => string | null) | undefined;
}

/** Opens the next group, or ends the run, when the open group is over. */
export function transition({ planOf, taker, checkOutput }: TransitionOptions): Decide<Transition> {
  return ({ run, freshId, outputs }, now) => {
    const plan = run && planOf(run.workflowId);
    const group = run && plan?.getGroup(run.group);
    const noop: Transition = { action: "noop", handed: [], workflowId: run?.workflowId ?? "" };
    if (!run || !plan || !group || run.status !== "RUNNING") return { result: noop };
    const isFailed = run.error !== null && (run.open === 0 || group.onFailure !== "await");
    if (run.open > 0 && !isFailed) return { result: noop };
    if (!isFailed && !outputs && needsOutputs(plan, group, taker)) return { result: noop, need: "outputs" };
    const check = checkOutput && ((output: JsonText) => checkOutput(run.workflowId, output));
    const onward: OnwardChanges = isFailed
      ? failRun(run.error ?? "", now)
      : closeGroup({ plan, run, now, freshId, taker, outputs, checkOutput: check });
    const { advance, nextGroup, handed, run: change, open, endOpen, events } = onward;
    const action = advance === "waiting" ? "noop" : advance;
    return { result: { ...noop, action, handed, ...(nextGroup !== undefined && { nextGroup }) }, run: change, open, endOpen, events };
  };
}
