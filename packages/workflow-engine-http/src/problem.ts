// Errors on the wire: problem details (RFC 9457) with a stable `code`. What the engine says to callers is passed on; anything
// else is told to `onError` and to the caller only by an id. No stack trace ever leaves.
import type { ErrorCode } from "@bratsos/workflow-engine";
import { errorCodeOf } from "@bratsos/workflow-engine";

/** Codes that are the API's own; the others are the engine's error codes. */
export type ApiErrorCode =
  | "UNAUTHENTICATED"
  | "FORBIDDEN"
  | "ROUTE_NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "INVALID_REQUEST"
  | "INVALID_BODY"
  | "BODY_TOO_LARGE"
  | "UNSUPPORTED_MEDIA_TYPE"
  | "ARTIFACT_NOT_FOUND"
  | "TOO_MANY_STREAMS"
  | "NOT_SUPPORTED"
  | "INTERNAL";

/** One thing that is wrong with a request, and where. */
export interface FieldIssue {
  /** E.g. `body.input.url` or `query.limit`. */
  path: string;
  message: string;
}

/** A problem that is answered with a status and a code. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: ApiErrorCode | ErrorCode;
  readonly issues: readonly FieldIssue[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ApiErrorCode | ErrorCode,
    message: string,
    { issues = [], headers = {} }: { issues?: readonly FieldIssue[]; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.name = "ApiProblem";
    this.status = status;
    this.code = code;
    this.issues = issues;
    this.headers = headers;
  }
}

/** Status of each error of the engine that is the caller's to mend; the others are INTERNAL. */
const statusOfCode: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: 400,
  INVALID_CONFIG: 400,
  INVALID_COMMAND: 400,
  INVALID_STAGE_ID: 400,
  PAYLOAD_NOT_JSON: 400,
  STORE_REFUSED: 400,
  WORKFLOW_NOT_FOUND: 404,
  STAGE_NOT_FOUND: 404,
  RUN_NOT_FOUND: 404,
  BLOB_NOT_FOUND: 404,
  RUN_STATE: 409,
  IDEMPOTENCY_CONFLICT: 409,
  IDEMPOTENCY_IN_PROGRESS: 409,
  STALE_VERSION: 409,
  PAYLOAD_TOO_LARGE: 413,
  NOT_CONFIGURED: 501,
  STORE_CLOSED: 503,
};

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

/** The problem that an error is to a caller; null for one that is ours. */
export function problemOf(error: unknown): ApiProblem | null {
  if (error instanceof ApiProblem) return error;
  const code = errorCodeOf(error) as ErrorCode | undefined;
  const status = code === undefined ? undefined : statusOfCode[code];
  if (code === undefined || status === undefined || !(error instanceof Error)) return null;
  const headers: Record<string, string> = code === "IDEMPOTENCY_IN_PROGRESS" || status === 503 ? { "retry-after": "1" } : {};
  return new ApiProblem(status, code, error.message, { headers });
}

/** The response that tells of a problem. */
export function problemResponse({ status, code, message, issues, headers }: ApiProblem): Response {
  const title = phrases[status] ?? "Error";
  const body = { type: "about:blank", title, status, code, detail: message, ...(issues.length > 0 && { errors: issues }) };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers },
  });
}
