// The public surface of the AI layer.
export type { AIBatch, AIBatchRequest, AIBatchResult, BatchRun, BatchRunOptions, BatchValueOf } from "./batch/ai-batch-types.ts";
export { AnthropicBatchProvider } from "./batch/anthropic-batch-provider.ts";
export type {
  BatchHandle,
  BatchLogger,
  BatchProvider,
  BatchProviderOptions,
  BatchRequest,
  BatchResult,
  BatchState,
  BatchStatus,
  BatchSubmitOptions,
} from "./batch/batch-provider.ts";
export { GoogleBatchProvider } from "./batch/google-batch-provider.ts";
export { OpenAIBatchProvider } from "./batch/openai-batch-provider.ts";
export { BudgetExceededError } from "./budget-exceeded.ts";
export { type CostReport, type CostSum, getCostReport } from "./cost-report.ts";
export { type CallDefaults, createAIHelper, type HelperBinding } from "./helper.ts";
export type {
  AIHelper,
  CallOptions,
  ContentPart,
  EmbedOptions,
  EmbedResult,
  GenerateOptions,
  LogContext,
  ObjectResult,
  Prompt,
  ProviderResolver,
  RecordedCall,
  StreamInput,
  StreamResult,
  TextOptions,
  TextResult,
  Usage,
} from "./helper-types.ts";
export {
  createProviderResolver,
  type EmbeddingProvider,
  type ProviderSettings,
  type ProviderSettingsByName,
  registerEmbeddingProvider,
} from "./providers.ts";
