// A few models that people reach through OpenRouter. OpenRouter's prices move by the day, so none is stated here: they are unknown
// until `workflow-engine-sync` has written them to a file of yours, or registerModels has set them.
import type { ModelConfig } from "./model-config.ts";

const routed = {
  provider: "openrouter",
  inputCostPerMillion: Number.NaN,
  outputCostPerMillion: Number.NaN,
  supportsTools: true,
};

/** Models by key that OpenRouter serves. */
export const OPENROUTER_MODELS = {
  "deepseek-v4-pro": { id: "deepseek/deepseek-v4-pro", name: "DeepSeek V4 Pro", ...routed },
  "glm-5.2": { id: "z-ai/glm-5.2", name: "GLM 5.2", ...routed },
  "grok-4.3": { id: "x-ai/grok-4.3", name: "Grok 4.3", ...routed },
  "llama-3.3-70b": { id: "meta-llama/llama-3.3-70b-instruct", name: "Llama 3.3 70B Instruct", ...routed },
} as const satisfies Record<string, ModelConfig>;
