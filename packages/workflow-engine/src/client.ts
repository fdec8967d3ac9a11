// Entry `@bratsos/workflow-engine/client`: what a browser needs to declare stages and read events. No node import, no provider SDK.
export { defineAsyncBatchStage, defineStage, NoInputSchema, type Stage } from "./define/stage.ts";
export { realEnvironment } from "./environment.ts";
export * from "./models/index.ts";
export type { EventOf, EventType, KernelEvent } from "./ports/event.ts";
