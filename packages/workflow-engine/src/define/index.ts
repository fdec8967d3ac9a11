// The public surface of authoring, named one by one so that nothing becomes public by accident. Rooms of the engine import
// the files themselves.

export {
  defineWorkflow,
  type NoContext,
  type OutputRule,
  type ParallelStages,
  WorkflowBuilder,
  type WorkflowDefinition,
} from "./builder.ts";
export { type ConfigError, type ConfigMap, type ParsedConfig, parseConfig } from "./config.ts";
export {
  AIConfigSchema,
  ConcurrencyConfigSchema,
  DebugConfigSchema,
  EmptyConfigSchema,
  FeatureFlagsConfigSchema,
  MinimalAIConfigSchema,
  type WithPreset,
  withAIConfig,
  withConcurrency,
  withDebug,
  withFeatureFlags,
  withFullConfig,
  withStandardConfig,
} from "./config-presets.ts";
export {
  type CheckCompletionContext,
  type EnhancedStageContext,
  getStageOutput,
  type LogLevel,
  type ProgressUpdate,
  requireStageOutput,
  type StageAI,
  type StageContext,
  type StageLog,
  type StageStorage,
  type UntypedContext,
} from "./context.ts";
export type { OutputDoesNotFit, StageDoesNotFit } from "./fit.ts";
export type {
  InferInput,
  InferRunInput,
  InferStageConfig,
  InferStageInput,
  InferStageOutput,
  InferStageOutputById,
  InferWorkflowContext,
  InferWorkflowInput,
  InferWorkflowOutput,
  InferWorkflowStageIds,
} from "./infer.ts";
export type {
  CompletionResult,
  PollConfig,
  SimpleStageResult,
  StageMetrics,
  StageOutcome,
  StageResult,
  SuspendedStageResult,
  SuspendedState,
  SuspendedStateInput,
} from "./outcome.ts";
export type { PlannedGroup, PlannedStage, WorkflowPlan } from "./plan.ts";
export type { GroupFailurePolicy, ParallelOptions, RetryPolicy, RunBudgetInput, StageBudget, WorkflowBudget } from "./policy.ts";
export {
  type AnyStage,
  type AsyncBatchStageDefinition,
  defineAsyncBatchStage,
  defineStage,
  NoInputSchema,
  type Stage,
  type StageDefinition,
  type StageMode,
  type SyncStageDefinition,
} from "./stage.ts";
export {
  assertValidStageId,
  createStageIds,
  defineStageIds,
  isValidStageId,
  type ScreamingSnake,
  type StageIdConstants,
} from "./stage-ids.ts";
export { type AnyWorkflow, type ExecutionPlanEntry, type StageConfigDescription, Workflow } from "./workflow.ts";
