// What callers send, as schemas. Unknown fields are refused: a misspelt option must not be a silent default.
import { z } from "zod";
import { identifier, instant, pageQuery, queryNumber, statusSchema, storableText } from "./text.ts";

/** Body of `POST /runs`. */
export const startRunBody = z
  .strictObject({
    workflowId: identifier,
    input: z.unknown().describe("The workflow's input; GET /workflows tells its schema."),
    config: z.record(z.string(), z.record(z.string(), z.unknown())).optional().describe("Config by stage id, over the defaults."),
    priority: z.int().min(-1_000_000).max(1_000_000).optional().describe("Higher first; default 5."),
    metadata: z.record(z.string(), z.unknown()).optional(),
    startAt: instant.optional().describe("Not before this instant."),
  })
  .meta({ id: "StartRun" });

/** Body of `POST /runs/{runId}/cancel`. */
export const cancelBody = z.strictObject({ reason: storableText.optional() });

/** Body of `POST /runs/{runId}/rerun`. */
export const rerunBody = z.strictObject({ fromStageId: identifier });

/** Body of `POST /dead-letters/replay`. */
export const replayBody = z.strictObject({ maxEvents: z.int().min(1).max(10_000).optional().describe("Default 100.") });

/** Query of `GET /runs`. */
export const runsQuery = pageQuery.extend({
  workflowId: identifier.optional(),
  status: statusSchema.optional(),
  createdAfter: instant.optional(),
  createdBefore: instant.optional(),
});

/** Query of `GET /runs/{runId}/attempts`. */
export const attemptsQuery = z.object({ stageId: identifier.optional() });

/** Query of `GET /runs/{runId}/events`. */
export const runEventsQuery = z.object({
  after: queryNumber(0, Number.MAX_SAFE_INTEGER).optional().describe("Events with a greater sequence; default 0, from the first."),
  limit: queryNumber(1, 500).optional().describe("Events at most, of a list; default 500."),
  until: z.enum(["ended"]).optional().describe("A stream ends once the run has ended and its events are told."),
});

/** Query of `GET /events`. */
export const eventsQuery = z.object({
  after: z
    .string()
    .regex(/^(\d{1,15}\.)?\d{1,15}\.\d{1,9}$/)
    .optional()
    .describe(
      "Events after this cursor, which each event of a stream and each page names; 0.0 is the first one kept. By default a list begins there, a stream with what comes next.",
    ),
  limit: queryNumber(1, 500).optional().describe("Events at most, of a list; default 500."),
});
