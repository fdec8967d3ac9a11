// Models of the AI SDK by where they run: OpenAI, Anthropic, Google, OpenRouter, and anything that speaks OpenAI's protocol at a URL of
// its own (Ollama, vLLM, LM Studio). Keys come from the SDKs' own environment variables unless given.
import { WorkflowEngineError } from "../errors.ts";
import type { ModelConfig } from "../models/index.ts";
import type { ProviderResolver } from "./helper-types.ts";
import { missingPackage } from "./load-package.ts";

/** How to reach a provider; what is absent comes from its SDK's environment variables and defaults. */
export interface ProviderSettings {
  apiKey?: string | undefined;
  baseURL?: string | undefined;
  headers?: Record<string, string> | undefined;
}

/** Settings by provider name; a name that is none of the built-in ones is compatible with OpenAI and needs a baseURL. */
export type ProviderSettingsByName = Readonly<Record<string, ProviderSettings>>;

/** What every provider of the AI SDK gives; the models are the SDK's own. */
interface SdkProvider {
  languageModel(id: string): unknown;
  embeddingModel(id: string, dimensions?: number): unknown;
}

/** Makes the embedding models of one provider. */
export type EmbeddingProvider = (modelId: string) => unknown;

const embeddingProviders = new Map<string, EmbeddingProvider>();

/** Registers who makes the embedding models of a provider name, for the whole process. */
export function registerEmbeddingProvider(provider: string, create: EmbeddingProvider): void {
  embeddingProviders.set(provider, create);
}

/** A resolver with these settings; what it does not name is reached by the SDKs' defaults. */
export function createProviderResolver(settings: ProviderSettingsByName): ProviderResolver {
  return (model, kind, wanted) => resolveModel(model, kind, settings, wanted);
}

/** The AI SDK's model: of the resolver, else of the built-in providers. Throws NOT_CONFIGURED, MISSING_PACKAGE. */
export async function resolveModel(
  model: ModelConfig & { key: string },
  kind: "language" | "embedding",
  settings: ProviderSettingsByName = {},
  wanted: { dimensions?: number | undefined } = {},
): Promise<unknown> {
  const custom = kind === "embedding" ? embeddingProviders.get(model.provider) : undefined;
  if (custom) return custom(model.id);
  const given = definedOf({ ...settings[model.provider], ...(model.baseURL !== undefined && { baseURL: model.baseURL }) });
  const provider = await providerOf(model, given);
  return kind === "language" ? provider.languageModel(model.id) : provider.embeddingModel(model.id, wanted.dimensions);
}

async function providerOf({ provider, key }: ModelConfig & { key: string }, settings: ProviderSettings): Promise<SdkProvider> {
  switch (provider) {
    case "openai":
      return (await import("@ai-sdk/openai").catch(missingPackage("@ai-sdk/openai"))).createOpenAI(settings as never);
    case "anthropic":
      return (await import("@ai-sdk/anthropic").catch(missingPackage("@ai-sdk/anthropic"))).createAnthropic(settings as never);
    case "google":
      return (await import("@ai-sdk/google").catch(missingPackage("@ai-sdk/google"))).createGoogle(settings as never);
    case "openrouter":
      return openRouter(settings);
    default:
      return compatible(provider, key, settings);
  }
}

async function openRouter(settings: ProviderSettings): Promise<SdkProvider> {
  const { createOpenRouter } = await import("@openrouter/ai-sdk-provider").catch(missingPackage("@openrouter/ai-sdk-provider"));
  const provider = createOpenRouter({ ...settings, compatibility: "strict" } as never);
  return {
    // its answers then say what they cost
    languageModel: (id) => provider.chat(id, { usage: { include: true } }),
    // its SDK forgets the dimensions that it is asked for
    embeddingModel: (id, dimensions) => provider.textEmbeddingModel(id, dimensions === undefined ? {} : { extraBody: { dimensions } }),
  };
}

async function compatible(name: string, key: string, settings: ProviderSettings): Promise<SdkProvider> {
  const { baseURL } = settings;
  if (baseURL === undefined) {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      `Model "${key}" runs at provider "${name}", which is not built in. Give it a baseURL that speaks OpenAI's protocol, or pass a providerResolver.`,
    );
  }
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible").catch(missingPackage("@ai-sdk/openai-compatible"));
  const provider = createOpenAICompatible({ ...(settings as object), name, baseURL, includeUsage: true, supportsStructuredOutputs: true });
  return { languageModel: (id) => provider.languageModel(id), embeddingModel: (id) => provider.embeddingModel(id) };
}

function definedOf(settings: ProviderSettings): ProviderSettings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
