// What an error means for the stage that threw it: the text to store, and whether another attempt may help (P5).
import type { z } from "zod";
import type { PlannedStage } from "../../define/plan.ts";
import type { RetryPolicy } from "../../define/policy.ts";
import { errorCodeOf, WorkflowEngineError } from "../../errors.ts";
import { toStorableText } from "../../store/storable-text.ts";
import { backoffMs } from "../rules/backoff.ts";
import type { Outcome } from "../rules/settle.ts";
import type { Awaitable } from "./awaitable.ts";

/** Errors that another attempt cannot cure. */
const finalCodes: ReadonlySet<string> = new Set([
  "FATAL",
  "INVALID_CONFIG",
  "STAGE_INPUT_INVALID",
  "STAGE_OUTPUT_INVALID",
  "PAYLOAD_TOO_LARGE",
  "PAYLOAD_NOT_JSON",
  "CREDENTIAL_IN_STATE",
  "MISSING_STAGE_OUTPUT",
  "MISSING_PACKAGE",
  "NOT_CONFIGURED",
]);

const longestError = 8_000;

/** The message of anything thrown, as text that every database takes. */
export function describeError(error: unknown): string {
  // cut first: half a character would be a lone surrogate
  return toStorableText(textOf(error).slice(0, longestError));
}

/** Anything can be thrown, also what has no text. */
function textOf(error: unknown): string {
  try {
    const text: unknown = error instanceof Error ? error.message || error.name : error;
    return String(text);
  } catch {
    return "Something was thrown that cannot be told as text";
  }
}

/** A failed outcome with the delay before the next try. */
export function failedOutcome(error: unknown, attempt: number, random: number, policy: RetryPolicy = {}): Outcome {
  const code = errorCodeOf(error);
  const isFinal = code !== undefined && finalCodes.has(code);
  const isWanted = !isFinal && wantsRetry(policy, error);
  return {
    kind: "failed",
    error: describeError(error),
    isRetryable: isWanted,
    delayMs: retryAfterOf(error) ?? backoffMs(attempt, random, policy),
  };
}

/** A `retryOn` that fails itself has not said no. */
function wantsRetry(policy: RetryPolicy, error: unknown): boolean {
  try {
    return policy.retryOn?.(error) ?? true;
  } catch {
    return true;
  }
}

function retryAfterOf(error: unknown): number | undefined {
  if (errorCodeOf(error) !== "RETRYABLE" || typeof error !== "object" || error === null || !("retryAfterMs" in error)) return undefined;
  // what a header said may be NaN, and a stage that waits for NaN waits for ever
  return typeof error.retryAfterMs === "number" && Number.isFinite(error.retryAfterMs) ? Math.max(0, error.retryAfterMs) : undefined;
}

/** Issues of a zod error as `path: message; ...`. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.length > 0 ? issue.path.map(String).join(".") : "(root)"}: ${issue.message}`).join("; ");
}

/** What of a stage is parsed, by which schema, and the code of the error when it does not fit. */
const parts = {
  config: { schema: "configSchema", misfit: "INVALID_CONFIG" },
  input: { schema: "inputSchema", misfit: "STAGE_INPUT_INVALID" },
  output: { schema: "outputSchema", misfit: "STAGE_OUTPUT_INVALID" },
} as const;

/** Parses what a stage reads or gives, at once where that can be; a misfit is an error that names part, stage and field paths. */
export function parsePart({ stage, stageId }: PlannedStage, part: keyof typeof parts, value: unknown): Awaitable<unknown> {
  const parsed = parse(stage[parts[part].schema], value);
  return parsed instanceof Promise ? parsed.then((late) => dataOf(late, part, stageId)) : dataOf(parsed, part, stageId);
}

function dataOf(parsed: z.ZodSafeParseResult<unknown>, part: keyof typeof parts, stageId: string): unknown {
  if (parsed.success) return parsed.data;
  throw new WorkflowEngineError(parts[part].misfit, `Invalid ${part} of stage "${stageId}": ${describeIssues(parsed.error)}`);
}

/** Parses at once where the schema can, which most can; one with asynchronous checks is parsed again, awaiting them. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): ReturnType<T["safeParse"]> | ReturnType<T["safeParseAsync"]> {
  try {
    return schema.safeParse(value) as ReturnType<T["safeParse"]>;
  } catch {
    return schema.safeParseAsync(value) as ReturnType<T["safeParseAsync"]>;
  }
}
