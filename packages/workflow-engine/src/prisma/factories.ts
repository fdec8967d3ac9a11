// What people write: one call an adapter, on a client generated from the engine's models.
import type { AICallLogger } from "../ports/ledger.ts";
import type { Reader } from "../ports/reader.ts";
import { PrismaAICallLogger } from "./ai-call-logger.ts";
import type { PrismaClientLike } from "./client.ts";
import { PrismaJobQueue, type PrismaJobQueueOptions } from "./job-queue.ts";
import { PrismaWorkflowPersistence } from "./persistence.ts";
import { PrismaReader } from "./reader.ts";
import type { PrismaAdapterOptions } from "./session.ts";

/** Creates the persistence on a Prisma client of PostgreSQL or SQLite. */
export function createPrismaWorkflowPersistence(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}): PrismaWorkflowPersistence {
  return new PrismaWorkflowPersistence(prisma, options);
}

/** Creates the job queue on a Prisma client; give it the client of the persistence, and both share their transactions. */
export function createPrismaJobQueue(prisma: PrismaClientLike, options: string | PrismaJobQueueOptions = {}): PrismaJobQueue {
  return new PrismaJobQueue(prisma, options);
}

/** Creates the log of model calls on a Prisma client. */
export function createPrismaAICallLogger(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}): AICallLogger {
  return new PrismaAICallLogger(prisma, options);
}

/** Creates the reader of lists, single runs and events on a Prisma client. */
export function createPrismaReader(prisma: PrismaClientLike, options: PrismaAdapterOptions = {}): Reader {
  return new PrismaReader(prisma, options);
}
