// Every request to a provider goes through here (P23): its worst case is reserved and its row opened, it is made, its row is closed,
// whatever becomes of it. A retry is another request, with a row of its own.

import type { ModelConfig } from "../models/index.ts";
import { costPicoOf, picoPricesOf, type TokenUsage, worstCostPicoOf } from "../models/pico-price.ts";
import type { Environment } from "../ports/environment.ts";
import type { AICallType, BudgetLimit, CallEnd, CallOrigin, CallPrice, CallUsage, Ledger, OpenCall } from "../ports/ledger.ts";
import { type BudgetExceededError, budgetExceeded } from "./budget-exceeded.ts";
import { type CallFailure, failureOf, thrownOf } from "./call-failure.ts";

/** What all calls of one helper have in common. */
export interface MeterContext {
  ledger: Ledger;
  environment: Environment;
  origin: CallOrigin;
  stageBudget?: BudgetLimit | undefined;
  /** Of the stage: aborts every call. */
  signal?: (() => AbortSignal) | undefined;
  /** Takes a place before a request is made; answers how to give it back. */
  takePlace?: (() => Promise<() => void>) | undefined;
  onRefused?: ((error: BudgetExceededError) => void) | undefined;
  onEnd?: ((usage: CallUsage) => void) | undefined;
}

/** One call to make. */
export interface MeteredCall {
  topic: string;
  callType: AICallType;
  model: ModelConfig & { key: string };
  maxRetries: number;
  signal: AbortSignal | undefined;
}

/** What one request says of itself before it is made. */
export interface RequestBounds {
  prompt: string;
  /** The most tokens it can take. */
  inputTokens: number;
  outputTokens: number;
}

/** What an answer used; `costPico` when the provider itself said what it cost. */
export interface ReportedUsage extends TokenUsage {
  reasoningTokens?: number | undefined;
  costPico?: bigint | undefined;
}

/** An open row. */
export interface OpenedCall {
  end(end: Omit<CallEnd, "latencyMs" | "usage"> & { usage: ReportedUsage | null }): Promise<void>;
  fail(error: unknown): Promise<CallFailure>;
}

const closeTries = 4;
const backoff = { initialMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0.25 } as const;

/** Makes a request, again after failures that may pass, each on the ledger; rejects with an error that says what the stage should do. */
export async function request<T>(
  context: MeterContext,
  call: MeteredCall,
  bounds: RequestBounds,
  make: (opened: OpenedCall) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const giveBack = await context.takePlace?.();
    let failure: CallFailure;
    let thrown: unknown;
    try {
      const opened = await open(context, call, bounds);
      try {
        return await make(opened);
      } catch (error) {
        thrown = error;
        failure = await opened.fail(error);
      }
    } finally {
      giveBack?.();
    }
    if (!failure.isRetryable || tries > call.maxRetries) throw thrownOf(thrown, failure, `Model "${call.model.key}"`);
    const { initialMs, factor, maxMs, jitter } = backoff;
    const grown = Math.min(maxMs, initialMs * factor ** (tries - 1)) * (1 + jitter * context.environment.random());
    await pause(context.environment, failure.retryAfterMs ?? grown, call.signal);
  }
}

/** Opens a row; throws BudgetExceededError, and nothing is made, when the call does not fit. */
export async function open(context: MeterContext, call: MeteredCall, bounds: RequestBounds): Promise<OpenedCall> {
  const { ledger, environment } = context;
  call.signal?.throwIfAborted();
  const id = environment.newId();
  const row = openCallOf(context, call, bounds, id);
  const refusal = await ledger.openCall(row);
  if (refusal) {
    const error = budgetExceeded(refusal, call.model.key);
    context.onRefused?.(error);
    throw error;
  }
  const startedAt = environment.now();
  const close = async (end: Omit<CallEnd, "latencyMs">): Promise<void> => {
    await closePatiently(context, id, { ...end, latencyMs: environment.now() - startedAt });
    context.onEnd?.(end.usage ?? row.worst);
  };
  return {
    end: ({ usage, ...end }) => close({ ...end, usage: usage && usageOf(call, usage) }),
    fail: async (error) => {
      const failure = failureOf(error, call.signal?.aborted ?? false, environment.now());
      const nothing: CallUsage = { inputTokens: 0, outputTokens: 0, costPico: 0n };
      const status = failure.isAborted ? "aborted" : "failed";
      await close({ status, response: "", error: failure.message.slice(0, 2_000), usage: failure.isFree ? nothing : null });
      return failure;
    },
  };
}

/** Closes a row. An answer that was paid for is not thrown away because the ledger stumbles: the row then stays open, at its worst case. */
async function closePatiently({ ledger, environment }: MeterContext, id: string, end: CallEnd): Promise<void> {
  for (let tries = 1; tries <= closeTries; tries++) {
    try {
      await ledger.closeCall(id, end);
      return;
    } catch {
      if (tries < closeTries) await pause(environment, tries * 100, undefined);
    }
  }
}

function openCallOf(context: MeterContext, call: MeteredCall, { prompt, inputTokens, outputTokens }: RequestBounds, id: string): OpenCall {
  const { model, topic, callType } = call;
  return {
    ...{ id, topic, callType, modelKey: model.key, modelId: model.id, prompt },
    ...context.origin,
    worst: { inputTokens, outputTokens, costPico: worstCostPicoOf(model, { inputTokens, outputTokens }) },
    price: priceOf(model, inputTokens),
    stageBudget: context.stageBudget,
  };
}

function priceOf(model: ModelConfig, inputTokens: number): CallPrice | null {
  const prices = picoPricesOf(model, inputTokens);
  return prices && { inputPico: prices.inputPico, outputPico: prices.outputPico, asOf: model.pricesAsOf ?? null };
}

/** Tokens priced by the model's own prices; by what the provider said where those are not known. */
function usageOf({ model }: MeteredCall, usage: ReportedUsage): CallUsage {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens } = usage;
  return { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, costPico: costPicoOf(model, usage) ?? usage.costPico ?? null };
}

/** Waits, or rejects as soon as the signal aborts. */
function pause(environment: Environment, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = environment.setTimer(ms, () => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    });
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
