// ctx.ai as the kernel knows it: bound to an execution when its code first looks at it, so that a stage without models pays nothing; and
// what a refused call means for the stage that made it.
import type { StageAI, StageLog, StageStorage } from "../../define/context.ts";
import type { SuspendedState } from "../../define/outcome.ts";
import type { AnyStage } from "../../define/stage.ts";
import { errorCodeOf, WorkflowEngineError } from "../../errors.ts";
import type { BudgetLimit, BudgetRefusal } from "../../ports/ledger.ts";
import type { ExecutionRef } from "../../ports/store.ts";
import { toDollars, toPico } from "../../store/pico-dollars.ts";
import type { Outcome } from "../rules/settle.ts";
import type { Abort } from "./abort.ts";
import { describeError } from "./failures.ts";
import { toJson } from "./payloads.ts";

/** What a helper is bound to. */
export interface StageAIBinding {
  runId: string;
  stageId: string;
  attempt: number;
  executionId: string;
  /** The stage's config schema and its parsed config: presets in it are defaults of the calls. */
  configSchema: AnyStage["configSchema"];
  config: unknown;
  stageBudget: BudgetLimit | undefined;
  signal(): AbortSignal;
  /** Where a batch that outlives the execution is kept; absent for a look at a suspended stage, which only reads. */
  place?: BatchPlace | undefined;
}

/** What a batch needs of the execution that submits it. */
export interface BatchPlace {
  storage: StageStorage;
  resumeState: SuspendedState | undefined;
  log: StageLog;
  /** False once another execution holds the stage; asked of the store, under the fence. */
  isHeld(): Promise<boolean>;
}

/** What the calls of one execution came to; a metric each. */
export interface AIMetrics {
  aiCalls: number;
  totalTokens: number;
  /** US dollars; calls of unknown price add nothing. */
  totalCost: number;
}

/** The helper of one execution. */
export interface StageAISession {
  readonly ai: StageAI;
  metrics(): AIMetrics;
  /** Resolves once every call under way is on the ledger with its end. */
  settled(): Promise<void>;
}

/** Binds a helper to an execution. */
export type StageAIFactory = (binding: StageAIBinding) => StageAISession;

/** Binds ctx.ai at first sight; `session` is null until somebody has looked. */
export class LazyAI {
  session: StageAISession | null = null;
  readonly #factory: StageAIFactory;
  readonly #binding: () => StageAIBinding;

  constructor(factory: StageAIFactory, binding: () => StageAIBinding) {
    this.#factory = factory;
    this.#binding = binding;
  }

  get ai(): StageAI {
    return (this.session ??= this.#factory(this.#binding())).ai;
  }
}

/** What a helper of this execution is bound to. */
export function aiBindingOf(
  stage: AnyStage,
  ref: ExecutionRef & { attempt: number },
  config: unknown,
  abort: Abort,
  place?: BatchPlace,
): StageAIBinding {
  const { runId, stageId, executionId, attempt } = ref;
  return {
    ...{ runId, stageId, executionId, attempt, config },
    configSchema: stage.configSchema,
    stageBudget: stageBudgetOf(stage),
    signal: () => abort.signal,
    ...(place && stage.mode === "async-batch" && { place }),
  };
}

/** The outcome of a stage that let a refused call pass; null for any other error. */
export function refusedOutcome(error: unknown): Outcome | null {
  const found = refusalOf(error);
  if (!found) return null;
  const { refusal, message } = found;
  if (refusal.onExceed === "fail") return { kind: "failed", error: message, isRetryable: false, delayMs: 0 };
  const numbers = numbersOf(refusal);
  return {
    kind: "held",
    state: toJson({ budget: { ...numbers, message } }, "Held state"),
    reason: message,
    event: { type: "stage:held", ...numbers },
  };
}

/** Throws NOT_CONFIGURED on use: what a kernel without a logger gives as ctx.ai. */
export const withoutLogger: StageAIFactory = () => {
  const ai = new Proxy({} as StageAI, {
    get: (_, name) => {
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      throw new WorkflowEngineError(
        "NOT_CONFIGURED",
        "ctx.ai needs an AI-call logger. Pass aiCallLogger to createKernel, or spread a store of ours into it.",
      );
    },
  });
  return { ai, metrics: () => ({ aiCalls: 0, totalTokens: 0, totalCost: 0 }), settled: async () => undefined };
};

/** What a stage declares that its calls may cost; undefined when it declares nothing. */
export function stageBudgetOf({ budget }: AnyStage): BudgetLimit | undefined {
  if (budget === undefined || (budget.usd === undefined && budget.tokens === undefined)) return undefined;
  return { usdPico: budget.usd === undefined ? null : toPico(budget.usd), tokens: budget.tokens ?? null };
}

/** Anything can be thrown: what cannot be looked at is no refusal. */
function refusalOf(error: unknown): ReturnType<typeof refusalIn> {
  try {
    return refusalIn(error, 0);
  } catch {
    return null;
  }
}

/** The refusal at the bottom of an error, through causes and the errors of a Promise.any. */
function refusalIn(error: unknown, depth: number): { refusal: BudgetRefusal; message: string } | null {
  if (typeof error !== "object" || error === null || depth > 5) return null;
  const { refusal, cause, errors } = error as { refusal?: BudgetRefusal; cause?: unknown; errors?: unknown };
  if (errorCodeOf(error) === "BUDGET_EXCEEDED" && refusal) return { refusal, message: describeError(error) };
  if (Array.isArray(errors)) {
    const found = errors.map((each) => refusalIn(each, depth + 1)).find((each) => each !== null);
    if (found) return found;
  }
  return refusalIn(cause, depth + 1);
}

/** The number that tripped, in dollars or tokens. */
function numbersOf({ scope, trippedBy, limit, spentPico, spentTokens, neededPico, neededTokens }: BudgetRefusal): Record<string, unknown> {
  return trippedBy === "usd"
    ? { scope, trippedBy, limit: toDollars(limit.usdPico ?? 0n), spent: toDollars(spentPico), needed: toDollars(neededPico) }
    : { scope, trippedBy, limit: limit.tokens ?? 0, spent: spentTokens, needed: neededTokens };
}
