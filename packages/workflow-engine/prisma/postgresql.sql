-- The tables of schema.prisma beside this file, for those who do not use Prisma's migrations. Run it once.

CREATE TYPE "Status" AS ENUM ('PENDING', 'RUNNING', 'SUSPENDED', 'COMPLETED', 'FAILED', 'CANCELLED', 'SKIPPED');

CREATE TABLE "WorkflowRun" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  "workflowId" TEXT NOT NULL,
  "workflowName" TEXT NOT NULL,
  "workflowType" TEXT NOT NULL,
  "status" "Status" NOT NULL DEFAULT 'PENDING',
  "startedAt" TIMESTAMP(3),
  "completedAt" TIMESTAMP(3),
  "duration" BIGINT,
  "input" JSONB NOT NULL,
  "output" JSONB,
  "config" JSONB NOT NULL DEFAULT '{}',
  "totalCost" BIGINT NOT NULL DEFAULT 0,
  "totalTokens" BIGINT NOT NULL DEFAULT 0,
  "priority" INTEGER NOT NULL DEFAULT 5,
  "metadata" JSONB,
  "errorMessage" TEXT,
  "version" INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX "WorkflowRun_status_priority_createdAt_idx" ON "WorkflowRun" ("status", "priority", "createdAt");

CREATE INDEX "WorkflowRun_createdAt_idx" ON "WorkflowRun" ("createdAt");

CREATE TABLE "WorkflowStage" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  "workflowRunId" TEXT NOT NULL,
  "stageId" TEXT NOT NULL,
  "stageName" TEXT NOT NULL,
  "stageNumber" INTEGER NOT NULL,
  "executionGroup" INTEGER NOT NULL,
  "status" "Status" NOT NULL DEFAULT 'PENDING',
  "startedAt" TIMESTAMP(3),
  "completedAt" TIMESTAMP(3),
  "duration" BIGINT,
  "inputData" JSONB,
  "outputData" JSONB,
  "config" JSONB,
  "suspendedState" JSONB,
  "resumeData" JSONB,
  "nextPollAt" TIMESTAMP(3),
  "pollInterval" BIGINT,
  "maxWaitUntil" TIMESTAMP(3),
  "metrics" JSONB,
  "embeddingInfo" JSONB,
  "errorMessage" TEXT,
  "attempt" INTEGER NOT NULL DEFAULT 0,
  "version" INTEGER NOT NULL DEFAULT 0,
  FOREIGN KEY ("workflowRunId") REFERENCES "WorkflowRun" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE UNIQUE INDEX "WorkflowStage_workflowRunId_stageId_key" ON "WorkflowStage" ("workflowRunId", "stageId");

CREATE INDEX "WorkflowStage_status_nextPollAt_idx" ON "WorkflowStage" ("status", "nextPollAt");

CREATE TABLE "WorkflowLog" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "workflowRunId" TEXT,
  "workflowStageId" TEXT,
  "level" TEXT NOT NULL,
  "message" TEXT NOT NULL,
  "metadata" JSONB,
  FOREIGN KEY ("workflowRunId") REFERENCES "WorkflowRun" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
  FOREIGN KEY ("workflowStageId") REFERENCES "WorkflowStage" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE INDEX "WorkflowLog_workflowRunId_createdAt_idx" ON "WorkflowLog" ("workflowRunId", "createdAt");

CREATE INDEX "WorkflowLog_workflowStageId_idx" ON "WorkflowLog" ("workflowStageId");

CREATE TABLE "WorkflowArtifact" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  "workflowRunId" TEXT NOT NULL,
  "workflowStageId" TEXT,
  "key" TEXT NOT NULL,
  "type" TEXT NOT NULL,
  "data" JSONB NOT NULL,
  "size" INTEGER NOT NULL,
  "metadata" JSONB
);

CREATE UNIQUE INDEX "WorkflowArtifact_workflowRunId_key_key" ON "WorkflowArtifact" ("workflowRunId", "key");

CREATE TABLE "WorkflowAttempt" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "workflowRunId" TEXT NOT NULL,
  "stageId" TEXT NOT NULL,
  "item" INTEGER NOT NULL DEFAULT 0,
  "attempt" INTEGER NOT NULL,
  "executionId" TEXT NOT NULL,
  "workerId" TEXT,
  "startedAt" TIMESTAMP(3),
  "endedAt" TIMESTAMP(3) NOT NULL,
  "outcome" TEXT NOT NULL,
  "error" TEXT,
  "sweptAt" TIMESTAMP(3)
);

CREATE INDEX "WorkflowAttempt_workflowRunId_idx" ON "WorkflowAttempt" ("workflowRunId");

CREATE INDEX "WorkflowAttempt_outcome_sweptAt_endedAt_idx" ON "WorkflowAttempt" ("outcome", "sweptAt", "endedAt");

CREATE TABLE "AICall" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "closedAt" TIMESTAMP(3),
  "topic" TEXT NOT NULL,
  "callType" TEXT NOT NULL,
  "modelKey" TEXT NOT NULL,
  "modelId" TEXT NOT NULL,
  "prompt" TEXT NOT NULL,
  "response" TEXT NOT NULL,
  "status" TEXT NOT NULL DEFAULT 'ok',
  "workflowRunId" TEXT,
  "stageId" TEXT,
  "attempt" INTEGER,
  "executionId" TEXT,
  "inputTokens" INTEGER NOT NULL,
  "outputTokens" INTEGER NOT NULL,
  "cachedInputTokens" INTEGER NOT NULL DEFAULT 0,
  "reasoningTokens" INTEGER NOT NULL DEFAULT 0,
  "cost" BIGINT,
  "isEstimated" BOOLEAN NOT NULL DEFAULT false,
  "price" JSONB,
  "latencyMs" BIGINT,
  "error" TEXT,
  "metadata" JSONB
);

CREATE INDEX "AICall_topic_idx" ON "AICall" ("topic");

CREATE INDEX "AICall_workflowRunId_idx" ON "AICall" ("workflowRunId");

CREATE INDEX "AICall_status_idx" ON "AICall" ("status");

CREATE TABLE "WorkflowBudget" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "workflowRunId" TEXT NOT NULL,
  "stageId" TEXT NOT NULL,
  "usdPico" BIGINT,
  "tokens" BIGINT,
  "onExceed" TEXT NOT NULL,
  "spentPico" BIGINT NOT NULL DEFAULT 0,
  "spentTokens" BIGINT NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX "WorkflowBudget_workflowRunId_stageId_key" ON "WorkflowBudget" ("workflowRunId", "stageId");

CREATE TABLE "JobQueue" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "updatedAt" TIMESTAMP(3) NOT NULL,
  "workflowRunId" TEXT NOT NULL,
  "workflowId" TEXT NOT NULL,
  "stageId" TEXT NOT NULL,
  "status" "Status" NOT NULL DEFAULT 'PENDING',
  "priority" INTEGER NOT NULL DEFAULT 5,
  "attempt" INTEGER NOT NULL DEFAULT 1,
  "maxAttempts" INTEGER NOT NULL DEFAULT 3,
  "workerId" TEXT,
  "lockedAt" TIMESTAMP(3),
  "startedAt" TIMESTAMP(3),
  "completedAt" TIMESTAMP(3),
  "nextPollAt" TIMESTAMP(3),
  "payload" JSONB,
  "lastError" TEXT
);

CREATE INDEX "JobQueue_status_priority_createdAt_idx" ON "JobQueue" ("status", "priority", "createdAt");

CREATE INDEX "JobQueue_workflowRunId_idx" ON "JobQueue" ("workflowRunId");

CREATE TABLE "outbox_events" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "workflowRunId" TEXT NOT NULL,
  "sequence" INTEGER NOT NULL,
  "eventType" TEXT NOT NULL,
  "payload" JSONB NOT NULL,
  "causationId" TEXT NOT NULL,
  "occurredAt" TIMESTAMP(3) NOT NULL,
  "publishedAt" TIMESTAMP(3),
  "retryCount" INTEGER NOT NULL DEFAULT 0,
  "dlqAt" TIMESTAMP(3)
);

CREATE UNIQUE INDEX "outbox_events_workflowRunId_sequence_key" ON "outbox_events" ("workflowRunId", "sequence");

CREATE INDEX "outbox_events_publishedAt_dlqAt_createdAt_idx" ON "outbox_events" ("publishedAt", "dlqAt", "createdAt");

CREATE INDEX "outbox_events_dlqAt_idx" ON "outbox_events" ("dlqAt");

CREATE TABLE "WorkflowDelivery" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "workflowRunId" TEXT NOT NULL,
  "eventId" TEXT NOT NULL,
  "consumer" TEXT NOT NULL,
  "tries" INTEGER NOT NULL,
  "nextAt" TIMESTAMP(3),
  "deadAt" TIMESTAMP(3),
  "error" TEXT
);

CREATE UNIQUE INDEX "WorkflowDelivery_eventId_consumer_key" ON "WorkflowDelivery" ("eventId", "consumer");

CREATE INDEX "WorkflowDelivery_workflowRunId_idx" ON "WorkflowDelivery" ("workflowRunId");

CREATE TABLE "idempotency_keys" (
  "id" TEXT NOT NULL PRIMARY KEY,
  "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "key" TEXT NOT NULL,
  "commandType" TEXT NOT NULL,
  "result" JSONB,
  "hash" TEXT,
  "owner" TEXT,
  "heldUntil" TIMESTAMP(3),
  "completedAt" TIMESTAMP(3)
);

CREATE UNIQUE INDEX "idempotency_keys_key_commandType_key" ON "idempotency_keys" ("key", "commandType");

CREATE INDEX "idempotency_keys_createdAt_idx" ON "idempotency_keys" ("createdAt");
