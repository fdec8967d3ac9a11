// The models that can be asked for by key: the catalogue, and what a program registers over it.
import { WorkflowEngineError } from "../errors.ts";
import { ANTHROPIC_MODELS } from "./catalogue-anthropic.ts";
import { GOOGLE_MODELS } from "./catalogue-google.ts";
import { OPENAI_MODELS } from "./catalogue-openai.ts";
import { OPENROUTER_MODELS } from "./catalogue-openrouter.ts";
import { DEFAULT_MODEL_KEY } from "./keys.ts";
import type { KeyedModel, ModelConfig } from "./model-config.ts";
import { costPicoOf, toDollars } from "./pico-price.ts";

/** Every model of the catalogue by key. */
export const AVAILABLE_MODELS: Readonly<Record<string, ModelConfig>> = Object.freeze({
  ...GOOGLE_MODELS,
  ...OPENAI_MODELS,
  ...ANTHROPIC_MODELS,
  ...OPENROUTER_MODELS,
});

const registered = new Map<string, ModelConfig>();

/** Adds models by key, for the whole process; one of the same key is replaced, one of the catalogue is covered. */
export function registerModels(models: Readonly<Record<string, ModelConfig>>): void {
  for (const [key, config] of Object.entries(models)) registered.set(key, { ...config });
}

/** Returns a model by its key; throws MODEL_NOT_FOUND naming the keys there are. */
export function getModel(key: string): ModelConfig {
  const found = getRegisteredModel(key) ?? catalogued(key);
  if (found) return found;
  const available = allKeys().join(", ");
  throw new WorkflowEngineError("MODEL_NOT_FOUND", `Model "${key}" not found. Available models: ${available}`);
}

/** Returns a model that was registered under this key, undefined when there is none. */
export function getRegisteredModel(key: string): ModelConfig | undefined {
  return registered.get(key);
}

/** Returns every registered model. */
export function listRegisteredModels(): KeyedModel[] {
  return [...registered].map(([key, config]) => ({ key, config }));
}

/** Narrows `listModels`; what is left out does not matter. */
export interface ModelFilter {
  provider?: string | undefined;
  isEmbeddingModel?: boolean | undefined;
  supportsTools?: boolean | undefined;
  supportsStructuredOutputs?: boolean | undefined;
  supportsAsyncBatch?: boolean | undefined;
}

/** Returns every model that can be asked for, registered ones included. */
export function listModels(filter: ModelFilter = {}): KeyedModel[] {
  const { provider, ...flags } = filter;
  const wanted = Object.entries(flags).filter(([, value]) => value !== undefined);
  return allKeys()
    .map((key) => ({ key, config: getModel(key) }))
    .filter(({ config }) => provider === undefined || config.provider === provider)
    .filter(({ config }) => wanted.every(([flag, value]) => (config[flag as keyof ModelConfig] ?? false) === value));
}

/** Returns the model of DEFAULT_MODEL_KEY. */
export function getDefaultModel(): ModelConfig {
  return getModel(DEFAULT_MODEL_KEY);
}

/** Returns a model by its provider's own id, undefined when none has it. */
export function getModelById(id: string): ModelConfig | undefined {
  return listModels().find(({ config }) => config.id === id)?.config;
}

/** Tells whether a model's provider takes it in batches; throws MODEL_NOT_FOUND. */
export function modelSupportsBatch(key: string): boolean {
  return getModel(key).supportsAsyncBatch === true;
}

/** Cost of a call in US dollars; NaN when the model's price is not known. */
export interface Cost {
  inputCost: number;
  outputCost: number;
  totalCost: number;
}

/** Computes what so many tokens cost; throws MODEL_NOT_FOUND. */
export function calculateCost(key: string, inputTokens: number, outputTokens: number): Cost {
  const model = getModel(key);
  const total = costPicoOf(model, { inputTokens, outputTokens });
  const input = costPicoOf(model, { inputTokens, outputTokens: 0 });
  const output = total === null || input === null ? null : total - input;
  return { inputCost: toDollars(input), outputCost: toDollars(output), totalCost: toDollars(total) };
}

/** Prints every model with its prices, a line each; `print` is console.log unless given. */
export function printAvailableModels(print: (line: string) => void = printer()): void {
  for (const { key, config } of listModels()) {
    const price = `in ${perMillion(config.inputCostPerMillion)}, out ${perMillion(config.outputCostPerMillion)}`;
    print(`${key}  ${config.name} (${config.provider})  ${price}`);
  }
}

function perMillion(dollars: number): string {
  return Number.isFinite(dollars) ? `$${dollars}/M` : "unknown";
}

/** The console of whatever runtime this is; the room's own rules keep it from being used anywhere else. */
function printer(): (line: string) => void {
  const { console: output } = globalThis as { console?: { log(line: string): void } };
  return (line) => output?.log(line);
}

function catalogued(key: string): ModelConfig | undefined {
  return Object.hasOwn(AVAILABLE_MODELS, key) ? AVAILABLE_MODELS[key] : undefined;
}

function allKeys(): string[] {
  return [...new Set([...Object.keys(AVAILABLE_MODELS), ...registered.keys()])];
}
