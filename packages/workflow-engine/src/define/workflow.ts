// A finished workflow: what the builder made, read by people (order, configs, estimates) and, through `plan`, by the kernel.
// The last group's output is the run's output; a declared output is enforced, a documented one is not.

import type { z } from "zod";
import { WorkflowEngineError } from "../errors.ts";
import { type ConfigError, type ConfigMap, defaultsOf, parseConfig } from "./config.ts";
import type { UntypedContext } from "./context.ts";
import type { WorkflowPlan } from "./plan.ts";
import type { WorkflowBudget } from "./policy.ts";
import type { AnyStage } from "./stage.ts";

/** What a workflow is made of. */
export interface WorkflowParts<TInput extends z.ZodType, TOutput extends z.ZodType> {
  id: string;
  name: string;
  description: string;
  inputSchema: TInput;
  outputSchema: TOutput;
  /** True when `outputSchema` was declared to be met, false when it documents or was derived. */
  isOutputEnforced: boolean;
  plan: WorkflowPlan;
  budget?: WorkflowBudget | undefined;
}

/** One stage in the plan of `getExecutionPlan`. */
export interface ExecutionPlanEntry {
  stage: AnyStage;
  /** Counts from 1. */
  executionGroup: number;
}

/** Config of one stage as forms and documentation need it. */
export interface StageConfigDescription {
  schema: z.ZodType;
  defaults: Record<string, unknown>;
  name: string;
  description?: string;
}

/** A built workflow; made by `WorkflowBuilder.build()`. */
export class Workflow<
  TInput extends z.ZodType = z.ZodType,
  TOutput extends z.ZodType = z.ZodType,
  TContext = UntypedContext,
  TResult = z.output<TOutput>,
> {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly inputSchema: TInput;
  readonly outputSchema: TOutput;
  /** The schema a run's output must meet, when one was declared. */
  readonly enforcedOutputSchema: TOutput | undefined;
  readonly budget: WorkflowBudget | undefined;
  /** What the kernel reads: groups, stages by id, fingerprint. */
  readonly plan: WorkflowPlan;
  /** Carries types to the inference helpers; never set. */
  declare readonly "~types"?: { context: TContext; result: TResult };

  constructor(parts: WorkflowParts<TInput, TOutput>) {
    this.id = parts.id;
    this.name = parts.name;
    this.description = parts.description;
    this.inputSchema = parts.inputSchema;
    this.outputSchema = parts.outputSchema;
    this.enforcedOutputSchema = parts.isOutputEnforced ? parts.outputSchema : undefined;
    this.budget = parts.budget;
    this.plan = parts.plan;
  }

  /** Returns the stages by execution group. */
  getExecutionPlan(): ExecutionPlanEntry[][] {
    return this.plan.groups.map(({ executionGroup, stages }) => stages.map(({ stage }) => ({ stage, executionGroup })));
  }

  /** Returns a stage, undefined when the workflow has none of that id. */
  getStage(stageId: string): AnyStage | undefined {
    return this.plan.getStage(stageId)?.stage;
  }

  /** Returns all stages in order. */
  getAllStages(): AnyStage[] {
    return this.plan.stages.map(({ stage }) => stage);
  }

  /** Returns the order of execution as text for people. */
  getExecutionOrder(): string {
    const { groups, stages } = this.plan;
    const steps = groups.flatMap((group) => {
      const names = group.stages.map(({ stage }) => `${stage.name} (${stage.id})`);
      if (!group.isParallel) return [`${group.executionGroup}. ${names[0]}`];
      return [`${group.executionGroup}. [PARALLEL]`, ...names.map((name) => `   - ${name}`)];
    });
    const head = [`Workflow: ${this.name} (${this.id})`, `Total stages: ${stages.length}`, `Execution groups: ${groups.length}`];
    return [...head, "", "Execution Order:", ...steps].join("\n");
  }

  /** Returns all stage ids in order. */
  getStageIds(): string[] {
    return this.plan.stages.map(({ stageId }) => stageId);
  }

  /** Tells whether the workflow has a stage of that id. */
  hasStage(stageId: string): boolean {
    return this.plan.getStage(stageId) !== undefined;
  }

  /** Checks a config map against every stage's schema, defaults applied. */
  validateConfig(config: ConfigMap): { valid: boolean; errors: ConfigError[] } {
    const { valid, errors } = parseConfig(this, config);
    return { valid, errors };
  }

  /**
   * Returns the sum of the stages' own estimates in dollars, each given the workflow's input and its config over the defaults.
   * Only the first group is sure to receive that input: a later stage that cannot estimate from it counts as 0.
   */
  estimateCost(input: z.input<TInput>, config: ConfigMap = {}): number {
    const parsed = parseConfig(this, config);
    const configs = parsed.valid ? parsed.config : config;
    return this.plan.stages.reduce((sum, { stage, stageId, executionGroup }) => {
      try {
        return sum + (stage.estimateCost?.(input, configs[stageId] ?? {}) || 0);
      } catch (error) {
        if (executionGroup === 1) throw error;
        return sum;
      }
    }, 0);
  }

  /** Returns each stage's config schema with its defaults. */
  getStageConfigs(): Record<string, StageConfigDescription> {
    return Object.fromEntries(
      this.plan.stages.map(({ stage }) => [
        stage.id,
        {
          schema: stage.configSchema,
          defaults: defaultsOf(stage.configSchema),
          name: stage.name,
          ...(stage.description !== undefined && { description: stage.description }),
        },
      ]),
    );
  }

  /** Returns the default config of every stage. */
  getDefaultConfig(): Record<string, Record<string, unknown>> {
    return Object.fromEntries(this.plan.stages.map(({ stage }) => [stage.id, defaultsOf(stage.configSchema)]));
  }

  /** Returns the stages of one execution group, counted from 1; none when there is no such group. */
  getStagesInExecutionGroup(executionGroup: number): AnyStage[] {
    return this.plan.getGroup(executionGroup)?.stages.map(({ stage }) => stage) ?? [];
  }

  /** Returns a stage's place in the order, counted from 0; -1 when the workflow has none of that id. */
  getStageIndex(stageId: string): number {
    return (this.plan.getStage(stageId)?.stageNumber ?? 0) - 1;
  }

  /** Returns a stage's execution group, counted from 1; throws STAGE_NOT_FOUND. */
  getExecutionGroupIndex(stageId: string): number {
    const found = this.plan.getStage(stageId);
    if (!found) throw new WorkflowEngineError("STAGE_NOT_FOUND", `Stage ${stageId} not found in workflow`);
    return found.executionGroup;
  }

  /** Returns the id of the stage before in the order, undefined for the first and for an unknown one. */
  getPreviousStageId(stageId: string): string | undefined {
    return this.plan.stages[this.getStageIndex(stageId) - 1]?.stageId;
  }
}

/** Any workflow, as read by code that does not know its types. */
// biome-ignore lint/suspicious/noExplicitAny: workflows of different contexts and results must all be assignable to it
export type AnyWorkflow = Workflow<any, any, any, any>;
