// Types read off schemas, stages and workflows, so that code around a workflow never repeats what the workflow already says.
// Types only.

import type { z } from "zod";
import type { Flat } from "./fit.ts";
import type { AnyStage, InputSchemaOf } from "./stage.ts";
import type { AnyWorkflow } from "./workflow.ts";

/** The parsed input of an input declaration, `"none"` included. */
export type InferInput<TInput extends z.ZodType | "none"> = z.output<InputSchemaOf<TInput>>;

/** What `ctx.input` of a stage is. */
export type InferStageInput<S extends AnyStage> = z.output<S["inputSchema"]>;

/** What a stage gives to the next one. */
export type InferStageOutput<S extends AnyStage> = z.output<S["outputSchema"]>;

/** What `ctx.config` of a stage is. */
export type InferStageConfig<S extends AnyStage> = z.output<S["configSchema"]>;

/** The parsed input of a workflow. */
export type InferWorkflowInput<W extends AnyWorkflow> = z.output<W["inputSchema"]>;

/** What a caller hands over to start a run: the workflow's input before defaults are applied. */
export type InferRunInput<W extends AnyWorkflow> = z.input<W["inputSchema"]>;

/** The output of a workflow's runs: the declared one, else that of its last group. */
export type InferWorkflowOutput<W extends AnyWorkflow> = NonNullable<W["~types"]>["result"];

/** Outputs of all stages of a workflow, by stage id. */
export type InferWorkflowContext<W extends AnyWorkflow> = Flat<NonNullable<W["~types"]>["context"]>;

/** The stage ids of a workflow. */
export type InferWorkflowStageIds<W extends AnyWorkflow> = keyof InferWorkflowContext<W> & string;

/** The output of one stage of a workflow. */
export type InferStageOutputById<W extends AnyWorkflow, TStageId extends InferWorkflowStageIds<W>> = InferWorkflowContext<W>[TStageId];
