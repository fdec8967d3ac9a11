// Entry `@bratsos/workflow-engine/kernel`: the kernel, its commands and events, the ports it stands on.
export { createKernel, type KernelConfig } from "./defaults.ts";
export { realEnvironment } from "./environment.ts";
export * from "./errors.ts";
export type * from "./kernel/commands/command.ts";
export { resolveOutput } from "./kernel/execute/payloads.ts";
export type { DispatchOptions } from "./kernel/join-transaction.ts";
export type { Kernel, WorkPort } from "./kernel/kernel.ts";
export { createPluginRunner, definePlugin, type Plugin, type PluginRunner, type PluginRunnerOptions } from "./kernel/plugins.ts";
export { createRegistry } from "./kernel/registry.ts";
export { loadWorkflowContext, saveStageOutput } from "./kernel/stage-outputs.ts";
export * from "./ports/index.ts";
export { storeOver } from "./store/store-over.ts";
