// The unit of work: what an author declares and the Stage it becomes. The id keeps its literal type, so that every later check
// can name the stage. `execute` is kept as a method of the definition, and a throw in it always becomes a rejection.

import { z } from "zod";
import { WorkflowEngineError } from "../errors.ts";
import type { CheckCompletionContext, EnhancedStageContext, UntypedContext } from "./context.ts";
import type { CompletionResult, SimpleStageResult, StageOutcome, SuspendedState } from "./outcome.ts";
import { assertPolicies, type RetryPolicy, type StageBudget } from "./policy.ts";

/** Input schema of a stage that takes no input: it fits after any stage. */
export const NoInputSchema = z.object({});

/** The schema an input declaration stands for: `"none"` is NoInputSchema. */
export type InputSchemaOf<TInput extends z.ZodType | "none"> = TInput extends z.ZodType ? TInput : typeof NoInputSchema;

/** How a stage ends: at once, or by waiting for something outside. */
export type StageMode = "sync" | "async-batch";

/** What a stage declares, whatever its mode. */
export interface StageDefinition<
  TId extends string,
  TInput extends z.ZodType | "none",
  TOutput extends z.ZodType,
  TConfig extends z.ZodType,
> {
  id: TId;
  name: string;
  description?: string | undefined;
  /** Ids of stages that must stand in an earlier group. */
  dependencies?: readonly string[] | undefined;
  schemas: { input: TInput; output: TOutput; config: TConfig };
  retry?: RetryPolicy | undefined;
  /** Milliseconds one execution may take; no limit when absent. */
  timeoutMs?: number | undefined;
  budget?: StageBudget | undefined;
  /** Dollars one execution is expected to cost. */
  estimateCost?(input: z.output<InputSchemaOf<TInput>>, config: z.output<TConfig>): number;
}

/** A stage that ends when `execute` returns. */
export interface SyncStageDefinition<
  TId extends string = string,
  TInput extends z.ZodType | "none" = z.ZodType,
  TOutput extends z.ZodType = z.ZodType,
  TConfig extends z.ZodType = z.ZodType,
  TContext = UntypedContext,
> extends StageDefinition<TId, TInput, TOutput, TConfig> {
  mode?: "sync" | undefined;
  execute(
    ctx: EnhancedStageContext<z.output<InputSchemaOf<TInput>>, z.output<TConfig>, TContext>,
  ): Promise<SimpleStageResult<z.input<TOutput>>> | SimpleStageResult<z.input<TOutput>>;
}

/** A stage that may suspend and is then polled with `checkCompletion`, or, without one, with a look at its AI batch. */
export interface AsyncBatchStageDefinition<
  TId extends string = string,
  TInput extends z.ZodType | "none" = z.ZodType,
  TOutput extends z.ZodType = z.ZodType,
  TConfig extends z.ZodType = z.ZodType,
  TContext = UntypedContext,
> extends StageDefinition<TId, TInput, TOutput, TConfig> {
  mode: "async-batch";
  execute(
    ctx: EnhancedStageContext<z.output<InputSchemaOf<TInput>>, z.output<TConfig>, TContext>,
  ): Promise<StageOutcome<z.input<TOutput>>> | StageOutcome<z.input<TOutput>>;
  /** Default: looks at the batch that `ctx.ai.batch(model).run(requests)` has suspended the stage with. */
  checkCompletion?: CheckCompletion<z.output<TConfig>, z.input<TOutput>> | undefined;
}

/** A look at a suspended stage; a method's parameters, so that a stage of any config is a stage. */
type CheckCompletion<TConfig, TOutput> = {
  look(state: SuspendedState, ctx: CheckCompletionContext<TConfig>): Promise<CompletionResult<TOutput>> | CompletionResult<TOutput>;
}["look"];

/** A declared stage, as workflows and the kernel read it. */
export interface Stage<
  TId extends string = string,
  TInput extends z.ZodType = z.ZodType,
  TOutput extends z.ZodType = z.ZodType,
  TConfig extends z.ZodType = z.ZodType,
  TContext = UntypedContext,
> {
  readonly id: TId;
  readonly name: string;
  readonly description?: string | undefined;
  readonly dependencies?: readonly string[] | undefined;
  readonly inputSchema: TInput;
  readonly outputSchema: TOutput;
  readonly configSchema: TConfig;
  readonly mode: StageMode;
  readonly retry?: RetryPolicy | undefined;
  readonly timeoutMs?: number | undefined;
  readonly budget?: StageBudget | undefined;
  execute(ctx: EnhancedStageContext<z.output<TInput>, z.output<TConfig>, TContext>): Promise<StageOutcome<z.input<TOutput>>>;
  checkCompletion?(state: SuspendedState, ctx: CheckCompletionContext<z.output<TConfig>>): Promise<CompletionResult<z.input<TOutput>>>;
  estimateCost?(input: z.output<TInput>, config: z.output<TConfig>): number;
  /** Carries the declared context to the type checker; never set. */
  readonly "~context"?: TContext;
}

/** Any stage, as read by code that does not know its types. */
// biome-ignore lint/suspicious/noExplicitAny: a stage with a declared context is assignable only to one whose context is not checked
export type AnyStage = Stage<string, z.ZodType, z.ZodType, z.ZodType, any>;

/** Declares a stage; `defineStage<TContext>()(definition)` also declares which earlier outputs it reads. */
export function defineStage<TId extends string, TInput extends z.ZodType | "none", TOutput extends z.ZodType, TConfig extends z.ZodType>(
  definition: SyncStageDefinition<TId, TInput, TOutput, TConfig>,
): Stage<NoInfer<TId>, InputSchemaOf<TInput>, TOutput, TConfig>;
/** Declares a stage that reads the outputs of earlier stages: `TContext` maps their ids to their outputs, optional keys may be absent. */
export function defineStage<TContext extends object>(): <
  TId extends string,
  TInput extends z.ZodType | "none",
  TOutput extends z.ZodType,
  TConfig extends z.ZodType,
>(
  definition: SyncStageDefinition<TId, TInput, TOutput, TConfig, TContext>,
) => Stage<NoInfer<TId>, InputSchemaOf<TInput>, TOutput, TConfig, TContext>;
export function defineStage(definition?: AnyDefinition): unknown {
  return definition === undefined ? createStage : createStage(definition);
}

/** Declares a stage that may suspend; `defineAsyncBatchStage<TContext>()(definition)` also declares which earlier outputs it reads. */
export function defineAsyncBatchStage<
  TId extends string,
  TInput extends z.ZodType | "none",
  TOutput extends z.ZodType,
  TConfig extends z.ZodType,
>(definition: AsyncBatchStageDefinition<TId, TInput, TOutput, TConfig>): Stage<NoInfer<TId>, InputSchemaOf<TInput>, TOutput, TConfig>;
/** Declares a stage that may suspend and reads the outputs of earlier stages. */
export function defineAsyncBatchStage<TContext extends object>(): <
  TId extends string,
  TInput extends z.ZodType | "none",
  TOutput extends z.ZodType,
  TConfig extends z.ZodType,
>(
  definition: AsyncBatchStageDefinition<TId, TInput, TOutput, TConfig, TContext>,
) => Stage<NoInfer<TId>, InputSchemaOf<TInput>, TOutput, TConfig, TContext>;
export function defineAsyncBatchStage(definition?: AnyDefinition): unknown {
  return definition === undefined ? createAsyncBatchStage : createAsyncBatchStage(definition);
}

type AnyDefinition =
  | SyncStageDefinition<string, z.ZodType | "none", z.ZodType, z.ZodType>
  | AsyncBatchStageDefinition<string, z.ZodType | "none", z.ZodType, z.ZodType>;

function createAsyncBatchStage(definition: AnyDefinition): AnyStage {
  if (definition.mode !== "async-batch" || !["function", "undefined"].includes(typeof definition.checkCompletion)) {
    throw new WorkflowEngineError(
      "INVALID_DEFINITION",
      `Stage "${definition.id}" must have mode "async-batch", and a function as its checkCompletion. Use defineStage for a stage that never suspends.`,
    );
  }
  return createStage(definition);
}

function createStage(definition: AnyDefinition): AnyStage {
  const { id, name, description, dependencies, schemas, retry, timeoutMs, budget } = definition;
  // "__proto__" as a key of the context would set its prototype instead of an output.
  if (typeof id !== "string" || id === "" || id === "__proto__") {
    throw new WorkflowEngineError("INVALID_DEFINITION", `Stage "${name}" needs an id that is a non-empty text other than "__proto__"`);
  }
  assertPolicies(`Stage "${id}"`, { retry, timeoutMs, budget });
  return {
    id,
    name,
    ...(description !== undefined && { description }),
    ...(dependencies !== undefined && { dependencies: [...dependencies] }),
    inputSchema: schemas.input === "none" ? NoInputSchema : schemas.input,
    outputSchema: schemas.output,
    configSchema: schemas.config,
    mode: definition.mode ?? "sync",
    ...(retry !== undefined && { retry }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(budget !== undefined && { budget }),
    execute: (ctx) => promiseOf(() => definition.execute(ctx)),
    ...(definition.mode === "async-batch" && {
      checkCompletion: async (state, ctx) => (definition.checkCompletion ?? checkBatch).call(definition, state, ctx),
    }),
    ...(definition.estimateCost !== undefined && {
      estimateCost: (input, config) => definition.estimateCost?.(input as never, config) ?? 0,
    }),
  };
}

/** The promise of a call: its own where it makes one, since an async function around it would make three more. */
function promiseOf<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    const answer = call();
    return answer instanceof Promise ? answer : Promise.resolve(answer);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The AI room's look at its own batches, by its shape: this room may not know that one. */
interface BatchChecker {
  checkBatch(state: SuspendedState): Promise<CompletionResult<never>>;
}

async function checkBatch(state: SuspendedState, ctx: CheckCompletionContext): Promise<CompletionResult<never>> {
  return (ctx.ai as unknown as BatchChecker).checkBatch(state);
}
