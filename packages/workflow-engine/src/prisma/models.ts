// The engine's models and their fields. A schema may lack some of the columns, as the smallest one does: such fields then live in the
// model's Json column that has room, under the reserved key "$row" (settled question 14).

/** What a field holds. Usd is dollars here, pico is pico-dollars; a BigInt column keeps either exactly, as pico-dollars. */
export type FieldKind = "text" | "int" | "usd" | "pico" | "date" | "json" | "flag";

/** One model of the engine. */
export interface ModelPlan {
  /** The model's name in schema.prisma. */
  readonly model: string;
  readonly fields: Readonly<Record<string, FieldKind>>;
  /** The Json field that has room for what has no column; null when nothing has. */
  readonly room: string | null;
  /** True when the Json field may hold anything and not only objects: it is then wrapped. */
  readonly isWrapped?: boolean;
  /** Fields that nobody reads back, and that are dropped where they have no column. */
  readonly optional?: readonly string[];
}

const times = { createdAt: "date", updatedAt: "date" } as const;

/** A run. */
export const runModel: ModelPlan = {
  model: "WorkflowRun",
  room: "metadata",
  fields: {
    ...{ id: "text", ...times, version: "int", workflowId: "text", workflowName: "text", workflowType: "text", status: "text" },
    ...{ startedAt: "date", completedAt: "date", duration: "int", input: "json", output: "json", config: "json" },
    ...{ totalCost: "usd", totalTokens: "int", priority: "int", metadata: "json", errorMessage: "text" },
  },
};

/** A stage of a run. */
export const stageModel: ModelPlan = {
  model: "WorkflowStage",
  room: "config",
  fields: {
    ...{ id: "text", ...times, version: "int", workflowRunId: "text", stageId: "text", stageName: "text", stageNumber: "int" },
    ...{ executionGroup: "int", status: "text", attempt: "int", startedAt: "date", completedAt: "date", duration: "int" },
    ...{ inputData: "json", outputData: "json", config: "json", suspendedState: "json", resumeData: "json", nextPollAt: "date" },
    ...{ pollInterval: "int", maxWaitUntil: "date", metrics: "json", embeddingInfo: "json", errorMessage: "text" },
  },
};

/** A log line. */
export const logModel: ModelPlan = {
  model: "WorkflowLog",
  room: "metadata",
  fields: {
    id: "text",
    createdAt: "date",
    workflowRunId: "text",
    workflowStageId: "text",
    level: "text",
    message: "text",
    metadata: "json",
  },
};

/** An artifact of a run. */
export const artifactModel: ModelPlan = {
  model: "WorkflowArtifact",
  room: "data",
  isWrapped: true,
  fields: {
    ...{ id: "text", ...times, workflowRunId: "text", workflowStageId: "text", key: "text", type: "text" },
    ...{ data: "json", size: "int", metadata: "json" },
  },
};

/** An event on its way out. */
export const outboxModel: ModelPlan = {
  model: "OutboxEvent",
  room: null,
  fields: {
    ...{ id: "text", createdAt: "date", workflowRunId: "text", sequence: "int", eventType: "text", payload: "json", causationId: "text" },
    ...{ occurredAt: "date", publishedAt: "date", retryCount: "int", dlqAt: "date" },
  },
};

/** An idempotency key. */
export const keyModel: ModelPlan = {
  model: "IdempotencyKey",
  room: "result",
  isWrapped: true,
  fields: {
    ...{ id: "text", createdAt: "date", key: "text", commandType: "text", result: "json" },
    ...{ hash: "text", owner: "text", heldUntil: "date", completedAt: "date" },
  },
};

/** A job of the queue. `attempt` is the one under way, or the next. */
export const jobModel: ModelPlan = {
  model: "JobQueue",
  room: "payload",
  optional: ["startedAt", "completedAt"],
  fields: {
    ...{
      id: "text",
      ...times,
      workflowRunId: "text",
      workflowId: "text",
      stageId: "text",
      status: "text",
      priority: "int",
      attempt: "int",
    },
    ...{ maxAttempts: "int", workerId: "text", lockedAt: "date", startedAt: "date", completedAt: "date", nextPollAt: "date" },
    ...{ payload: "json", lastError: "text" },
  },
};

/** A model call. The optional fields are kept in an idempotency key of its own where they have no column. */
export const callModel: ModelPlan = {
  model: "AICall",
  room: null,
  optional: [
    ...["closedAt", "status", "workflowRunId", "stageId", "attempt", "executionId", "cachedInputTokens", "reasoningTokens", "isEstimated"],
    ...["price", "latencyMs", "error", "metadata"],
  ],
  fields: {
    ...{ id: "text", createdAt: "date", closedAt: "date", topic: "text", callType: "text", modelKey: "text", modelId: "text" },
    ...{ prompt: "text", response: "text", status: "text", workflowRunId: "text", stageId: "text", attempt: "int", executionId: "text" },
    ...{ inputTokens: "int", outputTokens: "int", cachedInputTokens: "int", reasoningTokens: "int", cost: "pico", isEstimated: "flag" },
    ...{ price: "json", latencyMs: "int", error: "text", metadata: "json" },
  },
};

/** What a run, or one stage of it, may spend and has spent. Without this model it is kept in idempotency keys. */
export const budgetModel: ModelPlan = {
  model: "WorkflowBudget",
  room: null,
  fields: {
    ...{ id: "text", workflowRunId: "text", stageId: "text", usdPico: "pico", tokens: "int", onExceed: "text" },
    ...{ spentPico: "pico", spentTokens: "int" },
  },
};

/** An attempt that is over. Schemas without this model forget it. */
export const attemptModel: ModelPlan = {
  model: "WorkflowAttempt",
  room: null,
  fields: {
    ...{ id: "text", workflowRunId: "text", stageId: "text", item: "int", attempt: "int", executionId: "text", workerId: "text" },
    ...{ startedAt: "date", endedAt: "date", outcome: "text", error: "text", sweptAt: "date" },
  },
};

/** An event that one consumer still has to get, or never will. Without this model a process remembers it by itself. */
export const deliveryModel: ModelPlan = {
  model: "WorkflowDelivery",
  room: null,
  fields: {
    ...{
      id: "text",
      workflowRunId: "text",
      eventId: "text",
      consumer: "text",
      tries: "int",
      nextAt: "date",
      deadAt: "date",
      error: "text",
    },
  },
};
