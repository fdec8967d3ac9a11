// Which provider runs a model's batches, and under which id. A model that is registered through OpenRouter runs at its maker's own
// batch API, where it has one: `anthropic/claude-sonnet-4.5` is `claude-sonnet-4-5` there.
import { WorkflowEngineError } from "../errors.ts";
import type { ModelConfig } from "./model-config.ts";
import { getModel, listModels } from "./registry.ts";

/** Providers whose batch APIs are spoken. */
export type BatchProviderName = "google" | "anthropic" | "openai";

const providers: readonly BatchProviderName[] = ["google", "anthropic", "openai"];

/** Returns the provider that runs batches of this model, undefined when none does; throws MODEL_NOT_FOUND. */
export function getBestProviderForModel(modelKey: string): BatchProviderName | undefined {
  return providers.find((provider) => getProviderModelId(modelKey, provider) !== undefined);
}

/** Returns the id under which a provider knows the model; throws NOT_CONFIGURED when its batches do not take it. */
export function resolveModelForProvider(modelKey: string, provider: BatchProviderName): string {
  const id = getProviderModelId(modelKey, provider);
  if (id !== undefined) return id;
  const supported = getSupportedModels(provider).join(", ");
  throw new WorkflowEngineError(
    "NOT_CONFIGURED",
    `Model "${modelKey}" cannot be batched by provider "${provider}". Models it takes: ${supported || "(none)"}`,
  );
}

/** Tells whether a provider runs batches of this model; false for an unknown model. */
export function isModelSupported(modelKey: string, provider: BatchProviderName): boolean {
  return getSupportedModels(provider).includes(modelKey);
}

/** Returns the keys of the models that a provider runs batches of. */
export function getSupportedModels(provider: BatchProviderName): string[] {
  return getBatchCompatibleModels().filter((key) => getProviderModelId(key, provider) !== undefined);
}

/** Returns the id under which a provider's batches know the model, undefined when they do not; throws MODEL_NOT_FOUND. */
export function getProviderModelId(modelKey: string, provider: BatchProviderName): string | undefined {
  const model = getModel(modelKey);
  if (model.supportsAsyncBatch !== true) return undefined;
  if (model.provider === provider) return model.id;
  return model.provider === "openrouter" ? makersId(model, provider) : undefined;
}

/** Returns the keys of all models that some provider runs batches of. */
export function getBatchCompatibleModels(): string[] {
  return listModels({ supportsAsyncBatch: true })
    .map(({ key }) => key)
    .filter((key) => getBestProviderForModel(key) !== undefined);
}

function makersId({ id }: ModelConfig, provider: BatchProviderName): string | undefined {
  if (!id.startsWith(`${provider}/`)) return undefined;
  const own = id.slice(provider.length + 1);
  return provider === "anthropic" ? own.replaceAll(".", "-") : own;
}
