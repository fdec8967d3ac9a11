// What a failed request to a provider means: is it worth another try, when, and was it billed. A refusal (4xx, 5xx) costs nothing; a
// request whose answer was lost or cannot be read may have cost its worst case, and nobody knows.
import { FatalError, RetryableError, WorkflowEngineError } from "../errors.ts";

/** A failure, understood. */
export interface CallFailure {
  isRetryable: boolean;
  isAborted: boolean;
  /** True when the provider cannot have charged for it. */
  isFree: boolean;
  /** What the provider asked to wait, in milliseconds. */
  retryAfterMs: number | undefined;
  message: string;
}

interface ProviderError {
  statusCode?: unknown;
  isRetryable?: unknown;
  responseHeaders?: unknown;
  message?: unknown;
  cause?: unknown;
}

/** Failures of a connection that was never made. */
const neverSent: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"]);

/** Understands what a provider's SDK threw. `now` is milliseconds since the epoch, for dates in headers. */
export function failureOf(error: unknown, isAborted: boolean, now: number): CallFailure {
  const thrown = (typeof error === "object" && error !== null ? error : {}) as ProviderError;
  const status = typeof thrown.statusCode === "number" ? thrown.statusCode : undefined;
  const message = typeof thrown.message === "string" && thrown.message !== "" ? thrown.message : String(error);
  const isRefusal = status !== undefined && status >= 400;
  return {
    isAborted,
    isRetryable: !isAborted && thrown.isRetryable === true,
    isFree: !isAborted && (isRefusal || isOfThisSide(error) || codesOf(error).some((code) => neverSent.has(code))),
    retryAfterMs: isRefusal ? retryAfterOf(thrown.responseHeaders, now) : undefined,
    message: status === undefined ? message : `${message} (status ${status})`,
  };
}

/** What a stage gets when tries are used up: an error that says whether, and when, the stage itself should be tried again. */
export function thrownOf(error: unknown, failure: CallFailure, what: string): unknown {
  if (failure.isAborted || isOfThisSide(error)) return error;
  const message = `${what} failed: ${failure.message}`;
  if (failure.isRetryable) return new RetryableError(message, { retryAfterMs: failure.retryAfterMs, cause: error });
  const { statusCode } = error as ProviderError;
  const isOurFault = typeof statusCode === "number" && statusCode >= 400 && statusCode < 500;
  return isOurFault ? new FatalError(message, { cause: error }) : new WorkflowEngineError("AI_CALL_FAILED", message, { cause: error });
}

/** Thrown by the engine, or by the SDK before it sent anything: a missing key, an unsupported setting. */
function isOfThisSide(error: unknown): boolean {
  if (error instanceof WorkflowEngineError) return true;
  const name = error instanceof Error ? error.name : "";
  return ["AI_LoadAPIKeyError", "AI_UnsupportedFunctionalityError", "AI_InvalidArgumentError", "AI_InvalidPromptError"].includes(name);
}

/** Error codes down the chain of causes. */
function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 6; depth++) {
    const { code, cause } = at as { code?: unknown; cause?: unknown };
    if (typeof code === "string") codes.push(code);
    at = cause;
  }
  return codes;
}

/** `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110 section 10.2.3). */
function retryAfterOf(headers: unknown, now: number): number | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  const inMs = Number.parseFloat(lower["retry-after-ms"] ?? "");
  if (Number.isFinite(inMs)) return Math.max(0, inMs);
  const given = lower["retry-after"];
  if (given === undefined) return undefined;
  const seconds = Number(given);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(given) - now;
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}
