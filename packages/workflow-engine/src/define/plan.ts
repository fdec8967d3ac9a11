// What the kernel reads of a workflow: groups in order, stages by id in one look-up, where data comes from (P6) and the
// fingerprint a run carries. Groups and stages count from 1. A plan never changes once made.

import { z } from "zod";
import { WorkflowEngineError } from "../errors.ts";
import { getStageOutput } from "./context.ts";
import { canonicalJson, fingerprintSchema, hashText } from "./fingerprint.ts";
import type { GroupFailurePolicy } from "./policy.ts";
import type { AnyStage } from "./stage.ts";

/** Stages that run at the same time, as the builder hands them over. */
export interface DeclaredGroup {
  readonly stages: readonly AnyStage[];
  /** True after `parallel`, even with one stage: the next stage then receives `{ [stageId]: output }`. */
  readonly isParallel: boolean;
  readonly onFailure: GroupFailurePolicy;
}

/** One stage with its place in the workflow. */
export interface PlannedStage {
  readonly stageId: string;
  readonly stage: AnyStage;
  /** Counts from 1 over the whole workflow. */
  readonly stageNumber: number;
  /** Counts from 1. */
  readonly executionGroup: number;
}

/** Stages that run at the same time, with their place in the workflow. */
export interface PlannedGroup {
  /** Counts from 1. */
  readonly executionGroup: number;
  readonly isParallel: boolean;
  readonly onFailure: GroupFailurePolicy;
  readonly stages: readonly PlannedStage[];
}

/** The order of a workflow's work. */
export interface WorkflowPlan {
  readonly workflowId: string;
  readonly groups: readonly PlannedGroup[];
  /** Stages in order; index = stageNumber - 1. */
  readonly stages: readonly PlannedStage[];
  /** Version of the declared shape: stage ids, edges, schemas. Computed at first use. */
  readonly fingerprint: string;
  getStage(stageId: string): PlannedStage | undefined;
  /** Throws STAGE_NOT_FOUND. */
  requireStage(stageId: string): PlannedStage;
  getGroup(executionGroup: number): PlannedGroup | undefined;
}

/** Lays groups out as a plan. */
export function createPlan(workflowId: string, declared: readonly DeclaredGroup[]): WorkflowPlan {
  const byId = new Map<string, PlannedStage>();
  const groups = declared.map(({ stages, isParallel, onFailure }, index): PlannedGroup => {
    const executionGroup = index + 1;
    const planned = stages.map((stage) => {
      const entry: PlannedStage = { stageId: stage.id, stage, stageNumber: byId.size + 1, executionGroup };
      byId.set(stage.id, entry);
      return entry;
    });
    return { executionGroup, isParallel, onFailure, stages: planned };
  });
  let fingerprint: string | undefined;
  return {
    workflowId,
    groups,
    stages: [...byId.values()],
    get fingerprint() {
      return (fingerprint ??= fingerprintGroups(groups));
    },
    getStage: (stageId) => byId.get(stageId),
    requireStage: (stageId) => {
      const found = byId.get(stageId);
      if (!found) throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${stageId} not found in workflow ${workflowId}`);
      return found;
    },
    getGroup: (executionGroup) => groups[executionGroup - 1],
  };
}

function fingerprintGroups(groups: readonly PlannedGroup[]): string {
  const shape = groups.map(({ isParallel, stages }) => ({
    isParallel,
    stages: stages.map(({ stage }) => ({
      id: stage.id,
      mode: stage.mode,
      dependencies: [...(stage.dependencies ?? [])].sort(),
      input: fingerprintSchema(stage.inputSchema),
      output: fingerprintSchema(stage.outputSchema),
      config: fingerprintSchema(stage.configSchema),
    })),
  }));
  return hashText(canonicalJson(shape));
}

/**
 * Tells whether a stage takes what the group before gives. One whose input is `"none"`, or any empty object schema, fits after
 * everything and is handed `{}`. Judged by shape, so that a second copy of the package does not make a difference.
 */
export function takesInput(stage: AnyStage): boolean {
  const schema = stage.inputSchema;
  return !(schema instanceof z.ZodObject && Object.keys(schema.shape).length === 0 && schema.def.catchall === undefined);
}

/** Returns what a group gives to the next: the stage's output, or `{ [stageId]: output }` of a parallel one; throws MISSING_STAGE_OUTPUT. */
export function outputOfGroup(group: PlannedGroup, outputs: Readonly<Record<string, unknown>>): unknown {
  const given = group.stages.map(({ stageId }) => {
    const output = getStageOutput<unknown>(outputs, stageId);
    if (output !== undefined) return [stageId, output] as const;
    throw new WorkflowEngineError(
      "MISSING_STAGE_OUTPUT",
      `Stage "${stageId}" of execution group ${group.executionGroup} has no stored output`,
    );
  });
  return group.isParallel ? Object.fromEntries(given) : given[0]?.[1];
}

/** Returns what the stages of a group are handed: the run's input for the first group, else what the group before gives. */
export function inputOfGroup(
  plan: WorkflowPlan,
  executionGroup: number,
  runInput: unknown,
  outputs: Readonly<Record<string, unknown>>,
): unknown {
  const before = plan.getGroup(executionGroup - 1);
  return before ? outputOfGroup(before, outputs) : runInput;
}
