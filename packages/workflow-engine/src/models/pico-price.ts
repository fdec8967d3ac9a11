// Cost as whole pico-dollars (10^12 to the dollar): a dollar per million tokens is 10^6 pico-dollars a token, so every price with six
// decimals is exact, sums never drift, and rounding is for display only.
import type { ModelConfig } from "./model-config.ts";

const picoPerDollar = 1_000_000_000_000;
const picoPerDollarPerMillion = 1_000_000;

/** What a call used, in tokens. */
export interface TokenUsage {
  /** All input tokens, cached ones included. */
  inputTokens: number;
  /** All output tokens, reasoning included. */
  outputTokens: number;
  cachedInputTokens?: number | undefined;
  cacheWriteTokens?: number | undefined;
}

/** Prices of one request, in pico-dollars a token. */
export interface PicoPrices {
  inputPico: bigint;
  outputPico: bigint;
  cachedInputPico: bigint;
  cacheWritePico: bigint;
}

/** US dollars of pico-dollars; NaN for an unknown cost. */
export function toDollars(pico: bigint | null): number {
  return pico === null ? Number.NaN : Number(pico) / picoPerDollar;
}

/** Pico-dollars of US dollars, rounded; null for NaN, which is an unknown cost. */
export function toPicoDollars(dollars: number): bigint | null {
  return Number.isFinite(dollars) ? BigInt(Math.round(dollars * picoPerDollar)) : null;
}

/** The prices of a request with a prompt of so many tokens; null when they are not known. */
export function picoPricesOf(model: ModelConfig, inputTokens: number): PicoPrices | null {
  const { longPrompt } = model;
  const tier = longPrompt && inputTokens > longPrompt.overTokens ? longPrompt : model;
  const inputPico = perToken(tier.inputCostPerMillion);
  const outputPico = perToken(tier.outputCostPerMillion);
  if (inputPico === null || outputPico === null) return null;
  const cachedInputPico = perToken(tier.cachedInputCostPerMillion ?? Number.NaN) ?? inputPico;
  const cacheWritePico = perToken(tier.cacheWriteCostPerMillion ?? Number.NaN) ?? inputPico;
  return { inputPico, outputPico, cachedInputPico, cacheWritePico };
}

/** What a request costs in pico-dollars; null when the model's price is not known. In a batch its discount is taken off. */
export function costPicoOf(model: ModelConfig, usage: TokenUsage, options: { isBatch?: boolean } = {}): bigint | null {
  const prices = picoPricesOf(model, usage.inputTokens);
  if (!prices) return null;
  const cached = tokens(usage.cachedInputTokens);
  const written = tokens(usage.cacheWriteTokens);
  const all = tokens(usage.inputTokens);
  const fresh = all > cached + written ? all - cached - written : 0n;
  const input = fresh * prices.inputPico + cached * prices.cachedInputPico + written * prices.cacheWritePico;
  const cost = input + tokens(usage.outputTokens) * prices.outputPico;
  return options.isBatch ? discounted(cost, model.batchDiscountPercent ?? 0) : cost;
}

/** The most that a request with at most so many tokens can cost in pico-dollars; null when the model's price is not known. */
export function worstCostPicoOf(model: ModelConfig, most: { inputTokens: number; outputTokens: number }): bigint | null {
  const prices = picoPricesOf(model, most.inputTokens);
  if (!prices) return null;
  const { inputPico, cachedInputPico, cacheWritePico, outputPico } = prices;
  const dearest = [inputPico, cachedInputPico, cacheWritePico].reduce((most, price) => (price > most ? price : most));
  return tokens(most.inputTokens) * dearest + tokens(most.outputTokens) * outputPico;
}

function perToken(dollarsPerMillion: number): bigint | null {
  return Number.isFinite(dollarsPerMillion) && dollarsPerMillion >= 0
    ? BigInt(Math.round(dollarsPerMillion * picoPerDollarPerMillion))
    : null;
}

function tokens(count: number | undefined): bigint {
  return count !== undefined && Number.isFinite(count) && count > 0 ? BigInt(Math.ceil(count)) : 0n;
}

/** Takes a percentage off, to a ten-thousandth of a percent, rounded up to a whole pico-dollar. */
function discounted(cost: bigint, percent: number): bigint {
  const scale = 1_000_000n;
  const kept = scale - BigInt(Math.round(Math.min(100, Math.max(0, percent)) * 10_000));
  return (cost * kept + scale - 1n) / scale;
}
