// What the API answers, as schemas: the OpenAPI document, the client's types and the tests read them. Instants are ISO 8601 texts,
// durations milliseconds, costs US dollars. Payloads too big for a row stand as `{ $blob, bytes }`; `/runs/{runId}/output` follows them.
import { z } from "zod";
import { statusSchema } from "./text.ts";

const instantOrNull = z.iso.datetime().nullable();
const metadata = z.record(z.string(), z.unknown()).nullable();

const runFields = {
  id: z.string(),
  workflowId: z.string(),
  workflowName: z.string(),
  status: statusSchema,
  priority: z.number(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
  startedAt: instantOrNull,
  completedAt: instantOrNull,
  duration: z.number().nullable(),
  totalCost: z.number(),
  totalTokens: z.number(),
  metadata,
  error: z.string().nullable(),
};

/** A run as it stands in a list. */
export const runSummary = z.object(runFields).meta({ id: "RunSummary" });

/** A run with its payloads. */
export const run = z
  .object({ ...runFields, input: z.unknown(), output: z.unknown(), config: z.record(z.string(), z.unknown()) })
  .meta({ id: "Run" });

/** A stage of a run. */
export const stage = z
  .object({
    id: z.string(),
    stageId: z.string(),
    item: z.number(),
    stageName: z.string(),
    stageNumber: z.number(),
    executionGroup: z.number(),
    status: statusSchema,
    attempt: z.number(),
    maxAttempts: z.number(),
    waitReason: z.string().nullable(),
    workerId: z.string().nullable(),
    progress: z.object({ progress: z.number(), message: z.string() }).nullable(),
    createdAt: z.iso.datetime(),
    startedAt: instantOrNull,
    completedAt: instantOrNull,
    nextPollAt: instantOrNull,
    duration: z.number().nullable(),
    output: z.unknown(),
    config: metadata,
    metrics: metadata,
    error: z.string().nullable(),
  })
  .meta({ id: "Stage" });

/** One try of a stage. */
export const attempt = z
  .object({
    stageId: z.string(),
    item: z.number(),
    attempt: z.number(),
    executionId: z.string(),
    workerId: z.string().nullable(),
    startedAt: instantOrNull,
    endedAt: instantOrNull,
    status: z.string(),
    error: z.string().nullable(),
  })
  .meta({ id: "Attempt" });

/** An artifact without its data. */
export const artifact = z
  .object({
    key: z.string(),
    type: z.enum(["STAGE_OUTPUT", "ARTIFACT", "METADATA"]),
    size: z.number(),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    metadata,
  })
  .meta({ id: "Artifact" });

/** A log line. */
export const logLine = z
  .object({
    id: z.string(),
    createdAt: z.iso.datetime(),
    workflowStageId: z.string().nullable(),
    level: z.enum(["DEBUG", "INFO", "WARN", "ERROR"]),
    message: z.string(),
    metadata,
  })
  .meta({ id: "LogLine" });

/** A published event: these fields, and those of its type. */
export const event = z
  .looseObject({
    eventId: z.string(),
    type: z.string(),
    workflowRunId: z.string(),
    sequence: z.number(),
    timestamp: z.iso.datetime(),
  })
  .meta({ id: "Event" });

/** An event that a consumer will not get again by itself. */
export const deadLetter = z
  .object({ consumer: z.string(), event, tries: z.number(), deadAt: z.iso.datetime(), error: z.string().nullable() })
  .meta({ id: "DeadLetter" });

/** Everything of one run but its log lines and events. */
export const runDetail = z
  .object({ run, stages: z.array(stage), attempts: z.array(attempt), artifacts: z.array(artifact) })
  .meta({ id: "RunDetail" });

/** How a run stands, and its output with every reference followed. */
export const runOutput = z
  .object({ id: z.string(), status: statusSchema, output: z.unknown(), error: z.string().nullable() })
  .meta({ id: "RunOutput" });

const jsonSchema = z.record(z.string(), z.unknown());

/** A workflow as it can be started. */
export const workflow = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    inputSchema: jsonSchema,
    outputSchema: jsonSchema,
    stages: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        description: z.string().nullable(),
        executionGroup: z.number(),
        configSchema: jsonSchema,
        defaultConfig: jsonSchema,
      }),
    ),
  })
  .meta({ id: "Workflow" });

/** Runs of one workflow in one status. */
export const runCount = z.object({ workflowId: z.string(), status: statusSchema, count: z.number() }).meta({ id: "RunCount" });

/** A problem (RFC 9457). */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "Problem" });

/** A page of these rows. */
export function pageOf<T extends z.ZodType>(row: T) {
  return z.object({ items: z.array(row), nextCursor: z.string().nullable() });
}
