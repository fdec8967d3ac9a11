// For host authors: the loops and options that every host of ours is made of.
export type { Kernel, WorkPort } from "../kernel/kernel.ts";
export type { ClaimedWork, SessionExecuteOptions, WorkSession } from "../kernel/session.ts";
export { type HostOptions, type ResolvedHostOptions, resolveHostOptions } from "./options.ts";
export { Orchestrator, type OrchestratorStats } from "./orchestrator.ts";
export { Worker, type WorkerOptions } from "./worker.ts";
