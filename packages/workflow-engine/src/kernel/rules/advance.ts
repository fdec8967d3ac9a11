// What follows when a group is over: the next group opens, or the run ends; in the commit that ends the group's last stage, or in
// run.transition when the caller drives (P4, P6). O(1) in the length of the run.
import type { PlannedGroup, WorkflowPlan } from "../../define/plan.ts";
import type { DraftEvent } from "../../ports/event.ts";
import type { Changes, JsonText, RunState, StageState } from "../../ports/store.ts";
import { openedRun, openGroup, type Taker } from "./open-group.ts";

/** What became of the run. */
export type Advance = "waiting" | "advanced" | "completed" | "failed";

/** How a run goes on after a change of one of its stages. */
export interface Onward {
  advance: Advance;
  nextGroup?: number | undefined;
  handed: StageState[];
  /** Outputs of the group that closed; known only when something needed them. */
  outputs: Record<string, JsonText> | null;
}

/** How a run goes on and what that changes, beside what changes of the stage. */
export interface OnwardChanges extends Onward {
  run: NonNullable<Changes<unknown>["run"]>;
  open?: StageState[] | undefined;
  endOpen?: "CANCELLED" | undefined;
  events: DraftEvent[];
}

const none: StageState[] = [];

/** Everything a decision about the next group needs. */
export interface GroupEnd {
  plan: WorkflowPlan;
  run: RunState;
  now: number;
  freshId: string;
  taker: Taker | null;
  /** Outputs of the group that ended; undefined when they have not been loaded. */
  outputs: Record<string, JsonText> | undefined;
  /** Why the run's output does not fit the workflow's declared output; null when it does. */
  checkOutput?: ((output: JsonText) => string | null) | undefined;
}

/** Fails the run at once and ends what is still open. */
export function failRun(error: string, now: number): OnwardChanges {
  return {
    advance: "failed",
    handed: none,
    outputs: null,
    endOpen: "CANCELLED",
    run: { status: "FAILED", open: 0, suspended: 0, error, completedAt: now, transitionAt: null, queuedAt: null },
    events: [{ type: "workflow:failed", error }],
  };
}

/** True when a decision about this group's end wants the group's outputs. */
export function needsOutputs(plan: WorkflowPlan, group: PlannedGroup, taker: Taker | null): boolean {
  return group.executionGroup === plan.groups.length || (taker?.slots ?? 0) > 0;
}

/** Opens the next group or ends the run, when every stage of the open one has ended well. */
export function closeGroup(end: GroupEnd): OnwardChanges {
  const { plan, run, now } = end;
  if (run.error !== null) return failRun(run.error, now);
  const group = requireGroup(plan, run.group);
  const next = plan.getGroup(run.group + 1);
  if (!next) return completeWith(end, group, end.outputs ?? {});
  const { open, events, handed } = openGroup(next, run, end.freshId, now, end.taker);
  return {
    advance: "advanced",
    nextGroup: next.executionGroup,
    handed,
    outputs: end.outputs ?? null,
    run: openedRun(next, now),
    open,
    endOpen: undefined,
    events,
  };
}

/** JSON text of what a group gives on: its stage's output, or `{ [stageId]: output }` after `parallel`. */
export function composeOutput(group: PlannedGroup, outputs: Record<string, JsonText>): JsonText {
  return group.isParallel ? composeRecord(group, outputs) : (outputs[group.stages[0]?.stageId ?? ""] ?? "null");
}

function composeRecord(group: PlannedGroup, outputs: Record<string, JsonText>): JsonText {
  return `{${group.stages.map(({ stageId }) => `${JSON.stringify(stageId)}:${outputs[stageId] ?? "null"}`).join(",")}}`;
}

/** Ends the run with its last group's output; one that is not there is an error, never silently null (P6). */
function completeWith(end: GroupEnd, group: PlannedGroup, outputs: Record<string, JsonText>): OnwardChanges {
  const missing = group.stages.find(({ stageId }) => !Object.hasOwn(outputs, stageId));
  if (!missing) return completeRun(end, composeOutput(group, outputs));
  return failRun(`Stage "${missing.stageId}" of the last group has no stored output. Rerun from it.`, end.now);
}

/** Completes the run with this output, unless it does not fit the declared one. */
export function completeRun(end: Pick<GroupEnd, "run" | "now" | "checkOutput">, output: JsonText): OnwardChanges {
  const { run, now } = end;
  const misfit = end.checkOutput?.(output) ?? null;
  if (misfit !== null) return failRun(misfit, now);
  return {
    advance: "completed",
    nextGroup: undefined,
    handed: none,
    outputs: null,
    run: { status: "COMPLETED", open: 0, suspended: 0, output, completedAt: now, transitionAt: null, error: null },
    open: undefined,
    endOpen: undefined,
    events: [completedEvent(run, output, now)],
  };
}

/** Characters of an output that an event still carries; a longer one is read from the run. */
const largestEventOutput = 32 * 1024;

function completedEvent(run: RunState, output: JsonText, now: number): DraftEvent {
  const duration = now - (run.startedAt ?? now);
  return output.length <= largestEventOutput
    ? { type: "workflow:completed", duration, outputJson: output }
    : { type: "workflow:completed", duration };
}

function requireGroup(plan: WorkflowPlan, group: number): PlannedGroup {
  const found = plan.getGroup(group);
  if (!found)
    throw new Error(`Workflow ${plan.workflowId} has no execution group ${group}: the run was started with another version of it`);
  return found;
}
