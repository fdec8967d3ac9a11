// OpenRouter's model list (openrouter.ai/docs/api-reference, GET /models) as a TypeScript file that registers what it names.
import type { ModelConfig } from "@bratsos/workflow-engine";

/** A model as OpenRouter lists it; prices are dollars a token, as text. */
export interface ListedModel {
  id: string;
  name?: string;
  context_length?: number | null;
  pricing?: { prompt?: string; completion?: string; input_cache_read?: string };
  top_provider?: { max_completion_tokens?: number | null } | null;
  supported_parameters?: string[];
}

/** A listed model as the engine knows it; a price that is missing, negative (it varies) or no number is unknown. */
export function modelOf(listed: ListedModel, pricesAsOf: string): ModelConfig {
  const { id, name = id, context_length: context, pricing = {}, top_provider: top, supported_parameters: takes = [] } = listed;
  const cached = perMillion(pricing.input_cache_read);
  return {
    ...{ id, name, provider: "openrouter", pricesAsOf },
    inputCostPerMillion: perMillion(pricing.prompt),
    outputCostPerMillion: perMillion(pricing.completion),
    ...(Number.isFinite(cached) && { cachedInputCostPerMillion: cached }),
    ...(context && { contextLength: context }),
    ...(top?.max_completion_tokens && { maxCompletionTokens: top.max_completion_tokens }),
    supportsTools: takes.includes("tools"),
    supportsStructuredOutputs: takes.includes("structured_outputs"),
  };
}

/** The text of the file: models by OpenRouter's ids, in their order. */
export function modelFile(listed: readonly ListedModel[], pricesAsOf: string): string {
  const entries = [...listed]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((model) => {
      const fields = Object.entries(modelOf(model, pricesAsOf)).map(([field, value]) => `${field}: ${textOf(value)}`);
      return `  ${JSON.stringify(model.id)}: { ${fields.join(", ")} },`;
    });
  return [
    `// Written by workflow-engine-sync from OpenRouter's model list of ${pricesAsOf}. Do not edit: run it again.`,
    'import { type ModelConfig, registerModels } from "@bratsos/workflow-engine";',
    "",
    "export const models = {",
    ...entries,
    "} as const satisfies Record<string, ModelConfig>;",
    "",
    "export type SyncedModelKey = keyof typeof models;",
    "",
    "registerModels(models);",
    "",
  ].join("\n");
}

function perMillion(dollarsPerToken: string | undefined): number {
  const dollars = dollarsPerToken === undefined || dollarsPerToken.trim() === "" ? Number.NaN : Number(dollarsPerToken);
  return dollars >= 0 ? Number((dollars * 1e6).toFixed(6)) : Number.NaN;
}

function textOf(value: unknown): string {
  return typeof value === "number" && Number.isNaN(value) ? "Number.NaN" : JSON.stringify(value);
}
