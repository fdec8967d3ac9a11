// For host authors: the loops and options that every host of ours is made of.
export type { Kernel, WorkPort } from "../kernel/kernel.ts";
export type { ClaimedWork, DeliveryOptions, ExecutionEnd, SessionExecuteOptions, WorkSession } from "../kernel/session.ts";
export { type HostStats, LoopingHost, type LoopingHostOptions } from "./looping-host.ts";
export { type HostOptions, type ResolvedHostOptions, resolveHostOptions } from "./options.ts";
export { Orchestrator, type OrchestratorStats } from "./orchestrator.ts";
export { type Stoppable, stopWithin } from "./stopping.ts";
export { type Attempt, keepUp, sweepAll } from "./upkeep.ts";
export { Worker, type WorkerOptions } from "./worker.ts";
