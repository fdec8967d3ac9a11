// Names of pages that go on from where the client and the factories were imported.
import { PrismaClient } from "./prisma-client.ts";

export { createPrismaAICallLogger, createPrismaJobQueue, createPrismaWorkflowPersistence } from "@bratsos/workflow-engine";

export const prisma = new PrismaClient();
