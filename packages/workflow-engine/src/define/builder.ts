// Builds a workflow stage by stage. Each step is checked when it compiles (fit.ts) and again when it runs: dependencies must
// stand in an earlier group and ids are unique. A builder is changed by its own methods; a built workflow is not.

import { z } from "zod";
import { WorkflowEngineError } from "../errors.ts";
import type { Fitting, FittingGroup, FittingOutput, GroupOutputs, StagesOf } from "./fit.ts";
import { createPlan, type DeclaredGroup } from "./plan.ts";
import { assertPolicies, type ParallelOptions, type WorkflowBudget } from "./policy.ts";
import type { AnyStage } from "./stage.ts";
import { Workflow } from "./workflow.ts";

/** Where a workflow's output schema comes from: written for readers, declared to be met, or taken from the last group. */
export type OutputRule = "documented" | "enforced" | "derived";

/** The stages of a parallel group; the keys of a record are for its author, outputs are keyed by stage id. */
export type ParallelStages = readonly AnyStage[] | Readonly<Record<string, AnyStage>>;

/** Context of a workflow that has no stage yet. */
export type NoContext = Record<never, never>;

/** Builds a workflow; `outputSchema` documents the output, the last group's schema is the truth. */
export class WorkflowBuilder<
  TInput extends z.ZodType,
  TOutput extends z.ZodType,
  TCurrent = z.output<TInput>,
  TContext = NoContext,
  TRule extends OutputRule = "documented",
  TLastStageId extends string = never,
> {
  private readonly id: string;
  private readonly name: string;
  private readonly description: string;
  private readonly inputSchema: TInput;
  private readonly outputSchema: TOutput;
  private readonly rule: OutputRule;
  private readonly budget: WorkflowBudget | undefined;
  private readonly groups: DeclaredGroup[] = [];
  private readonly stageIds = new Set<string>();
  /** Carries types from step to step; never set. */
  declare readonly "~types"?: { current: TCurrent; context: TContext; rule: TRule; lastStageId: TLastStageId };

  constructor(
    id: string,
    name: string,
    description: string,
    inputSchema: TInput,
    outputSchema: TOutput,
    options: { rule?: TRule | undefined; budget?: WorkflowBudget | undefined } = {},
  ) {
    this.id = id;
    this.name = name;
    this.description = description;
    this.inputSchema = inputSchema;
    this.outputSchema = outputSchema;
    this.rule = options.rule ?? "documented";
    this.budget = options.budget;
    assertPolicies(`Workflow "${id}"`, { budget: options.budget });
  }

  /** Adds a stage that runs after all stages so far; throws INVALID_DEFINITION. */
  pipe<S extends AnyStage>(
    stage: Fitting<S, TCurrent, TContext>,
  ): WorkflowBuilder<
    TInput,
    TOutput,
    z.output<S["outputSchema"]>,
    TContext & Record<S["id"], z.output<S["outputSchema"]>>,
    TRule,
    S["id"]
  > {
    this.addGroup({ stages: [stage as AnyStage], isParallel: false, onFailure: "abort" });
    return this as never;
  }

  /**
   * Adds stages that run at the same time, as a list or as a record; the next stage receives `{ [stageId]: output }`, keyed by
   * stage id whatever the keys of the record. Throws INVALID_DEFINITION.
   */
  parallel<const TGroup extends ParallelStages>(
    stages: FittingGroup<TGroup, TCurrent, TContext>,
    options?: ParallelOptions | undefined,
  ): WorkflowBuilder<TInput, TOutput, GroupOutputs<TGroup>, TContext & GroupOutputs<TGroup>, TRule, StagesOf<TGroup>["id"]> {
    const list = Object.values(stages as ParallelStages);
    this.addGroup({ stages: list, isParallel: true, onFailure: options?.onFailure ?? "abort" });
    return this as never;
  }

  /** Makes the workflow; further steps of the builder do not change it. */
  build(
    this: TRule extends "enforced" ? FittingOutput<TOutput, TCurrent, TLastStageId> : unknown,
  ): Workflow<
    TInput,
    TRule extends "derived" ? z.ZodType<TCurrent> : TOutput,
    TContext,
    TRule extends "enforced" ? z.output<TOutput> : TCurrent
  > {
    return (this as unknown as WorkflowBuilder<TInput, TOutput>).toWorkflow() as never;
  }

  /** Returns the number of stages so far. */
  getStageCount(): number {
    return this.stageIds.size;
  }

  /** Returns the number of execution groups so far. */
  getExecutionGroupCount(): number {
    return this.groups.length;
  }

  private toWorkflow(): Workflow<TInput, z.ZodType> {
    return new Workflow<TInput, z.ZodType>({
      id: this.id,
      name: this.name,
      description: this.description,
      inputSchema: this.inputSchema,
      outputSchema: this.rule === "derived" ? deriveOutput(this.groups.at(-1), this.inputSchema) : this.outputSchema,
      isOutputEnforced: this.rule === "enforced",
      plan: createPlan(this.id, this.groups),
      budget: this.budget,
    });
  }

  private addGroup(group: DeclaredGroup): void {
    if (group.stages.length === 0) {
      throw new WorkflowEngineError("INVALID_DEFINITION", `Workflow "${this.id}" has a parallel group without stages`);
    }
    for (const stage of group.stages) this.assertDependencies(stage, group.isParallel);
    const added = new Set<string>();
    for (const { id } of group.stages) {
      if (this.stageIds.has(id) || added.has(id)) {
        throw new WorkflowEngineError("INVALID_DEFINITION", `Stage "${id}" is already in workflow "${this.id}". Stage ids must be unique.`);
      }
      added.add(id);
    }
    for (const id of added) this.stageIds.add(id);
    this.groups.push(group);
  }

  private assertDependencies(stage: AnyStage, isParallel: boolean): void {
    const missing = (stage.dependencies ?? []).filter((id) => !this.stageIds.has(id));
    if (missing.length === 0) return;
    const where = isParallel ? " (in parallel group)" : "";
    const before = isParallel ? "this parallel group" : `"${stage.id}"`;
    throw new WorkflowEngineError(
      "INVALID_DEFINITION",
      `Stage "${stage.id}"${where} has missing dependencies: ${missing.join(", ")}. ` +
        `These stages must be added to the workflow before ${before}. Current stages: ${[...this.stageIds].join(", ") || "(none)"}`,
    );
  }
}

function deriveOutput(lastGroup: DeclaredGroup | undefined, inputSchema: z.ZodType): z.ZodType {
  if (!lastGroup) return inputSchema;
  if (!lastGroup.isParallel) return lastGroup.stages[0]?.outputSchema ?? inputSchema;
  return z.object(Object.fromEntries(lastGroup.stages.map(({ id, outputSchema }) => [id, outputSchema])));
}

/** What `defineWorkflow` takes. */
export interface WorkflowDefinition<TInput extends z.ZodType, TOutput extends z.ZodType | undefined> {
  id: string;
  name: string;
  description?: string | undefined;
  input: TInput;
  /** Enforced when it compiles and when it runs; taken from the last group when absent. */
  output?: TOutput;
  budget?: WorkflowBudget | undefined;
}

/** Starts a workflow whose output, when declared, is enforced. */
export function defineWorkflow<TInput extends z.ZodType, TOutput extends z.ZodType>(
  definition: WorkflowDefinition<TInput, TOutput> & { output: TOutput },
): WorkflowBuilder<TInput, TOutput, z.output<TInput>, NoContext, "enforced">;
/** Starts a workflow whose output is that of its last group. */
export function defineWorkflow<TInput extends z.ZodType>(
  definition: WorkflowDefinition<TInput, undefined>,
): WorkflowBuilder<TInput, z.ZodType, z.output<TInput>, NoContext, "derived">;
export function defineWorkflow(definition: WorkflowDefinition<z.ZodType, z.ZodType | undefined>): unknown {
  const { id, name, description = "", input, output, budget } = definition;
  return new WorkflowBuilder(id, name, description, input, output ?? z.unknown(), { rule: output ? "enforced" : "derived", budget });
}
