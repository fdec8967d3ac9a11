// Entry `@bratsos/workflow-engine`: authoring, the kernel, errors and types. Importing it loads no database and no provider.

export * from "./ai/index.ts";
export { createFileBlobStore } from "./blobs/file-blob-store.ts";
export { createKernel, type KernelConfig } from "./defaults.ts";
export * from "./define/index.ts";
export { realEnvironment } from "./environment.ts";
export * from "./errors.ts";
export type * from "./kernel/commands/command.ts";
export { resolveOutput } from "./kernel/execute/payloads.ts";
export type { DispatchOptions } from "./kernel/join-transaction.ts";
export type { Kernel, WorkPort } from "./kernel/kernel.ts";
export { createPluginRunner, definePlugin, type Plugin, type PluginRunner, type PluginRunnerOptions } from "./kernel/plugins.ts";
export { createRegistry } from "./kernel/registry.ts";
export { loadWorkflowContext, saveStageOutput } from "./kernel/stage-outputs.ts";
export { createMemoryStore, type MemoryStore } from "./memory/memory-store.ts";
export * from "./models/index.ts";
export type {
  AICallInput,
  AICallLogger,
  AICallRecord,
  AICallStats,
  AICallType,
  ArtifactRecord,
  BlobReference,
  BlobStore,
  BudgetLimit,
  BudgetRefusal,
  CallFilter,
  CallStatus,
  CallUsage,
  Clock,
  ClosedCall,
  CreateOutboxEventInput,
  CreateRunInput,
  CreateStageInput,
  DequeueResult,
  EnqueueJobInput,
  Environment,
  EventConsumer,
  EventFeed,
  EventOf,
  EventSink,
  EventType,
  FeedEvent,
  JobRecord,
  JobTransport,
  KernelEvent,
  KeyState,
  Ledger,
  LedgerRow,
  LogRecord,
  OutboxRecord,
  Page,
  PageRequest,
  Persistence,
  Reader,
  RunCount,
  RunDetail,
  RunFilter,
  RunRecord,
  RunStore,
  Scheduler,
  StageDetail,
  StageRecord,
  Status,
  StoreTransaction,
  TransactionClient,
  TransactionQuery,
  UpdateRunInput,
  UpdateStageInput,
  WorkflowRegistry,
} from "./ports/index.ts";
export { isBlobReference } from "./ports/index.ts";
export {
  createPrismaAICallLogger,
  createPrismaJobQueue,
  createPrismaReader,
  createPrismaWorkflowPersistence,
  PrismaAICallLogger,
  PrismaJobQueue,
  PrismaReader,
  PrismaWorkflowPersistence,
} from "./prisma/index.ts";
export { type ExecuteOptions, type ExecutorEvents, WorkflowExecutor, type WorkflowExecutorConfig } from "./runtime/workflow-executor.ts";
export {
  type CreateRunOptions,
  createWorkflowRuntime,
  type RuntimeLogContext,
  WorkflowRuntime,
  type WorkflowRuntimeConfig,
} from "./runtime/workflow-runtime.ts";
export { stripEngineFields } from "./store/crud-state.ts";
export { storeOver } from "./store/store-over.ts";
