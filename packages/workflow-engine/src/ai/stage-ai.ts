// ctx.ai: an AIHelper that knows its run, stage and execution, with the stage's presets as defaults of its calls, so that nobody wires
// topics by hand. Its shape meets what the kernel asks of a factory; neither room knows the other.

import type { z } from "zod";
import { aiPresetsOf } from "../define/config-presets.ts";
import type { StageAI } from "../define/context.ts";
import type { Environment } from "../ports/environment.ts";
import type { AICallLogger, BudgetLimit } from "../ports/ledger.ts";
import type { BatchPlace } from "./batch/batch-desk.ts";
import { CallLimiter } from "./call-limiter.ts";
import { LedgerHelper } from "./helper.ts";
import type { AIHelper, ProviderResolver } from "./helper-types.ts";

declare module "../define/context.ts" {
  interface StageAI extends AIHelper {}
}

/** What every ctx.ai of a kernel shares. */
export interface StageAIParts {
  logger: AICallLogger;
  resolver?: ProviderResolver | undefined;
  environment: Environment;
}

/** What a helper is bound to. */
export interface StageBinding {
  runId: string;
  stageId: string;
  attempt: number;
  executionId: string;
  configSchema: z.ZodType;
  config: unknown;
  stageBudget: BudgetLimit | undefined;
  signal(): AbortSignal;
  /** What a batch needs of the execution that submits it. */
  place?: Omit<BatchPlace, "stageId" | "attempt" | "executionId"> | undefined;
}

/** The helper of one execution, and what its calls came to. */
export interface BoundAI {
  readonly ai: StageAI;
  metrics(): { aiCalls: number; totalTokens: number; totalCost: number };
  settled(): Promise<void>;
}

/** Makes the factory that a kernel binds ctx.ai with. */
export function createStageAI({ logger, resolver, environment }: StageAIParts): (binding: StageBinding) => BoundAI {
  return (binding) => {
    const { runId, stageId, attempt, executionId, stageBudget } = binding;
    const { calls, pace } = aiPresetsOf(binding.configSchema, binding.config);
    const limiter = pace && new CallLimiter(environment, pace.concurrency, pace.delayMs);
    const tally = new Tally();
    const ai = new LedgerHelper(`workflow.${runId}.stage.${stageId}`, logger, undefined, resolver, {
      environment,
      origin: { runId, stageId, attempt, executionId },
      defaults: { ...calls, maxRetries: pace?.maxRetries },
      stageBudget,
      signal: () => binding.signal(),
      place: binding.place && { ...binding.place, stageId, attempt, executionId },
      takePlace: () => tally.begin(limiter),
      onEnd: (usage) => tally.count(usage.inputTokens + usage.outputTokens, usage.costPico),
    });
    return { ai, metrics: () => tally.metrics(), settled: () => tally.settled() };
  };
}

/** Counts the requests of one execution, those under way and those that have ended. */
class Tally {
  #calls = 0;
  #tokens = 0;
  #pico = 0n;
  #underWay = 0;
  #waiting: Array<() => void> = [];

  async begin(limiter: CallLimiter | undefined): Promise<() => void> {
    this.#underWay += 1;
    const giveBack = await limiter?.take();
    return () => {
      giveBack?.();
      this.#underWay -= 1;
      if (this.#underWay > 0) return;
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
  }

  count(tokens: number, pico: bigint | null): void {
    this.#calls += 1;
    this.#tokens += tokens;
    this.#pico += pico ?? 0n;
  }

  metrics(): { aiCalls: number; totalTokens: number; totalCost: number } {
    return { aiCalls: this.#calls, totalTokens: this.#tokens, totalCost: Number(this.#pico) / 1e12 };
  }

  settled(): Promise<void> {
    return this.#underWay === 0 ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }
}
