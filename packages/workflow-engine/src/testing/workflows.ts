// Short ways to write the workflows that cases run: a step is a function, a chain is a list.
import { z } from "zod";
import { WorkflowBuilder } from "../define/builder.ts";
import type { CheckCompletionContext, EnhancedStageContext } from "../define/context.ts";
import type { CompletionResult, SimpleStageResult, SuspendedStageResult, SuspendedState } from "../define/outcome.ts";
import type { GroupFailurePolicy, RetryPolicy } from "../define/policy.ts";
import { type AnyStage, defineAsyncBatchStage, defineStage } from "../define/stage.ts";
import type { AnyWorkflow } from "../define/workflow.ts";

/** What a step is handed. */
export type StepContext = EnhancedStageContext<unknown, Record<string, unknown>>;

/** What a step may say beside its code. */
export interface StepOptions {
  name?: string;
  /** Anything when absent. */
  input?: z.ZodType | "none";
  output?: z.ZodType;
  config?: z.ZodType;
  retry?: RetryPolicy;
  timeoutMs?: number;
}

/** Stages that run at the same time. */
export interface Group {
  stages: readonly AnyStage[];
  onFailure?: GroupFailurePolicy;
}

function schemasOf({ input = z.unknown(), output = z.unknown(), config = z.looseObject({}) }: StepOptions) {
  return { input, output, config };
}

function policiesOf({ retry, timeoutMs }: StepOptions) {
  return { ...(retry && { retry }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** A stage whose output is what `execute` returns. */
export function step(id: string, execute: (ctx: StepContext) => unknown, options: StepOptions = {}): AnyStage {
  return resultStep(id, async (ctx) => ({ output: await execute(ctx) }), options);
}

/** A stage whose whole result is what `execute` returns. */
export function resultStep(
  id: string,
  execute: (ctx: StepContext) => Promise<SimpleStageResult> | SimpleStageResult,
  options: StepOptions = {},
): AnyStage {
  return defineStage({
    id,
    name: options.name ?? `Stage ${id}`,
    schemas: schemasOf(options),
    ...policiesOf(options),
    execute: (ctx) => execute(ctx as StepContext),
  }) as AnyStage;
}

/** How a waiting stage behaves. */
export interface WaitingOptions extends StepOptions {
  /** Milliseconds; 1,000 when absent. */
  pollInterval?: number;
  maxWaitTime?: number;
  nextPollAt?: Date;
  state?: Partial<SuspendedState>;
  /** Called at every execution; what it returns ends the stage, undefined suspends it. */
  execute?: (ctx: StepContext) => SimpleStageResult | undefined;
}

/** A stage that suspends and is polled with `check`. */
export function waiting(
  id: string,
  check: (state: SuspendedState, ctx: CheckCompletionContext) => CompletionResult | Promise<CompletionResult>,
  options: WaitingOptions = {},
): AnyStage {
  const { pollInterval = 1_000, maxWaitTime, nextPollAt } = options;
  const suspended: SuspendedStageResult = {
    suspended: true,
    state: { batchId: `batch-${id}`, ...options.state },
    pollConfig: { pollInterval, maxWaitTime, nextPollAt },
  };
  return defineAsyncBatchStage({
    id,
    name: options.name ?? `Stage ${id}`,
    mode: "async-batch",
    schemas: schemasOf(options),
    ...policiesOf(options),
    execute: (ctx) => options.execute?.(ctx as StepContext) ?? suspended,
    checkCompletion: (state, ctx) => check(state, ctx),
  }) as AnyStage;
}

interface UntypedBuilder {
  pipe(stage: AnyStage): UntypedBuilder;
  parallel(stages: readonly AnyStage[], options: { onFailure?: GroupFailurePolicy | undefined }): UntypedBuilder;
  build(): AnyWorkflow;
}

/** A workflow of these stages, one after the other; a group's stages run at the same time. */
export function chain(id: string, ...groups: ReadonlyArray<AnyStage | Group>): AnyWorkflow {
  return chainOf({ id }, ...groups);
}

/** The same, with schemas of its own; a declared output is enforced. */
export function chainOf(
  { id, input = z.unknown(), output }: { id: string; input?: z.ZodType; output?: z.ZodType },
  ...groups: ReadonlyArray<AnyStage | Group>
): AnyWorkflow {
  const rule = output ? "enforced" : "derived";
  let builder = new WorkflowBuilder(id, `Workflow ${id}`, "", input, output ?? z.unknown(), { rule }) as unknown as UntypedBuilder;
  for (const group of groups) {
    builder = "stages" in group ? builder.parallel(group.stages, { onFailure: group.onFailure }) : builder.pipe(group);
  }
  return builder.build();
}

/** Something that a stage waits for until the case opens it. */
export interface Gate {
  /** Resolves with what the gate is opened with. */
  readonly opened: Promise<unknown>;
  /** How often somebody came to the gate. */
  readonly waiting: number;
  wait(): Promise<unknown>;
  open(value?: unknown): void;
}

/** A closed gate. */
export function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  let waitingCount = 0;
  return {
    opened: promise,
    get waiting() {
      return waitingCount;
    },
    wait: () => {
      waitingCount += 1;
      return promise;
    },
    open: resolve,
  };
}
