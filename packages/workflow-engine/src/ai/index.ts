// The public surface of the AI layer.
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
