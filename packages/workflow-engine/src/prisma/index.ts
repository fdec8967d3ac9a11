// The Prisma adapters: what the entry `@bratsos/workflow-engine/persistence/prisma` holds.
export { PrismaAICallLogger } from "./ai-call-logger.ts";
export type { DatabaseType, PrismaClientLike } from "./client.ts";
export { createEnumHelper, type EnumHelper } from "./enum-helper.ts";
export { createPrismaAICallLogger, createPrismaJobQueue, createPrismaReader, createPrismaWorkflowPersistence } from "./factories.ts";
export { PrismaJobQueue, type PrismaJobQueueOptions } from "./job-queue.ts";
export { PrismaWorkflowPersistence } from "./persistence.ts";
export { PrismaReader } from "./reader.ts";
export type { PrismaAdapterOptions } from "./session.ts";
