// run.rerunFrom as a decision (P9): the target group opens again and what came after it is forgotten. New execution ids make every
// leftover of the old executions harmless; their attempts stay on record.
import type { WorkflowPlan } from "../../define/plan.ts";
import { WorkflowEngineError } from "../../errors.ts";
import type { Changes, Decide, RunState, StageState } from "../../ports/store.ts";
import { attemptOf } from "./attempt.ts";
import { requireRun } from "./cancel.ts";
import { openedRun, openGroup } from "./open-group.ts";

/** Answer of run.rerunFrom. */
export interface Rerun {
  workflowRunId: string;
  fromStageId: string;
  deletedStages: string[];
}

/** Reopens an ended run at the group of `fromStageId`. */
export function rerunFrom(runId: string, fromStageId: string, planOf: (workflowId: string) => WorkflowPlan): Decide<Rerun> {
  return ({ run, stages, freshId }, now): Changes<Rerun> => {
    const found = requireRun(run, runId);
    assertEnded(found);
    const plan = planOf(found.workflowId);
    const target = plan.requireStage(fromStageId).executionGroup;
    if (!stages) return { result: { workflowRunId: runId, fromStageId, deletedStages: [] }, need: "stages" };
    assertEarlierCompleted(plan, target, stages, fromStageId);
    const dropped = stages.filter((stage) => stage.group >= target);
    const group = plan.groups[target - 1]!;
    const { open } = openGroup(group, found, freshId, now, null);
    return {
      result: { workflowRunId: runId, fromStageId, deletedStages: dropped.map((stage) => stage.stageId) },
      attempts: dropped
        .filter((stage) => stage.startedAt !== null)
        .map((stage) => attemptOf(stage, stage.completedAt ?? now, outcomeOf(stage), stage.error)),
      dropFrom: target,
      open,
      run: {
        status: "RUNNING",
        ...openedRun(group, now),
        output: null,
        error: null,
        startedAt: now,
        completedAt: null,
        queuedAt: null,
      },
      events: [{ type: "workflow:rerun", fromStageId }],
    };
  };
}

function assertEnded(run: RunState): void {
  if (run.status === "COMPLETED" || run.status === "FAILED" || run.status === "CANCELLED") return;
  throw new WorkflowEngineError(
    "RUN_STATE",
    `Cannot rerun workflow in ${run.status} state. It must be COMPLETED, FAILED or CANCELLED: wait until run ${run.id} has ended, or cancel it first.`,
  );
}

function assertEarlierCompleted(plan: WorkflowPlan, target: number, stages: StageState[], fromStageId: string): void {
  const completed = new Set(stages.filter((stage) => stage.status === "COMPLETED").map((stage) => stage.stageId));
  const isReady = plan.stages.every((planned) => planned.executionGroup >= target || completed.has(planned.stageId));
  if (isReady) return;
  throw new WorkflowEngineError("RUN_STATE", `Cannot rerun from stage ${fromStageId}: previous stages have not been executed`);
}

function outcomeOf(stage: StageState): "COMPLETED" | "FAILED" | "CANCELLED" {
  return stage.status === "COMPLETED" || stage.status === "FAILED" ? stage.status : "CANCELLED";
}
