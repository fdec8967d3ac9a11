// What an error means for the stage that threw it: the text to store, and whether another attempt may help (P5).
import type { z } from "zod";
import type { RetryPolicy } from "../../define/policy.ts";
import { errorCodeOf, WorkflowEngineError } from "../../errors.ts";
import { backoffMs } from "../rules/backoff.ts";
import type { Outcome } from "../rules/settle.ts";

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
  const text = error instanceof Error ? error.message || error.name : String(error);
  return toStorableText(text).slice(0, longestError);
}

/** Replaces NUL and lone surrogates, which PostgreSQL refuses and which would poison a batch. */
export function toStorableText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed();
  return wellFormed.includes("\u0000") ? wellFormed.replaceAll("\u0000", "\uFFFD") : wellFormed;
}

/** A failed outcome with the delay before the next try. */
export function failedOutcome(error: unknown, attempt: number, random: number, policy: RetryPolicy = {}): Outcome {
  const code = errorCodeOf(error);
  const isFinal = code !== undefined && finalCodes.has(code);
  const isWanted = !isFinal && (policy.retryOn?.(error) ?? true);
  return {
    kind: "failed",
    error: describeError(error),
    isRetryable: isWanted,
    delayMs: retryAfterOf(error) ?? backoffMs(attempt, random, policy),
  };
}

function retryAfterOf(error: unknown): number | undefined {
  if (errorCodeOf(error) !== "RETRYABLE" || typeof error !== "object" || error === null || !("retryAfterMs" in error)) return undefined;
  return typeof error.retryAfterMs === "number" ? error.retryAfterMs : undefined;
}

/** Issues of a zod error as `path: message; ...`. */
export function describeIssues(error: z.ZodError): string {
  return error.issues.map((issue) => `${issue.path.length > 0 ? issue.path.map(String).join(".") : "(root)"}: ${issue.message}`).join("; ");
}

/** Parses with a schema; a misfit is an error of `code` that names `what` and the field paths. */
export async function parseWith(
  schema: z.ZodType,
  value: unknown,
  what: string,
  code: "STAGE_INPUT_INVALID" | "STAGE_OUTPUT_INVALID" | "INVALID_CONFIG" | "INVALID_INPUT",
): Promise<unknown> {
  const parsed = await parse(schema, value);
  if (parsed.success) return parsed.data;
  throw new WorkflowEngineError(code, `Invalid ${what}: ${describeIssues(parsed.error)}`);
}

/** Parses at once where the schema can, which most can; one with asynchronous checks is parsed again, awaiting them. */
export function parse<T extends z.ZodType>(schema: T, value: unknown): ReturnType<T["safeParse"]> | ReturnType<T["safeParseAsync"]> {
  try {
    return schema.safeParse(value) as ReturnType<T["safeParse"]>;
  } catch {
    return schema.safeParseAsync(value) as ReturnType<T["safeParseAsync"]>;
  }
}
