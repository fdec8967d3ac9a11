// The public surface of the model catalogue.
export {
  type BatchProviderName,
  getBatchCompatibleModels,
  getBestProviderForModel,
  getProviderModelId,
  getSupportedModels,
  isModelSupported,
  resolveModelForProvider,
} from "./batch-models.ts";
export { DEFAULT_MODEL_KEY, type ModelKey } from "./keys.ts";
export type { KeyedModel, LongPromptPrices, ModelConfig } from "./model-config.ts";
export { ModelStatsTracker, type TrackedStats, type TrackedTotals } from "./model-stats-tracker.ts";
export {
  AVAILABLE_MODELS,
  type Cost,
  calculateCost,
  getDefaultModel,
  getModel,
  getModelById,
  getRegisteredModel,
  listModels,
  listRegisteredModels,
  type ModelFilter,
  modelSupportsBatch,
  printAvailableModels,
  registerModels,
} from "./registry.ts";
