// What a failed creation of a batch means. Refused: the provider will never take it. Busy: it has not been created. Unclear: it may have
// been, so it is looked for before it is tried again (P24).
import { WorkflowEngineError } from "../../errors.ts";

/** A failed submission, understood. */
export type SubmissionFailure = { kind: "refused" | "busy" | "unclear"; message: string };

const neverSent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN"]);

/** Understands what a provider's SDK threw. */
export function submissionFailureOf(error: unknown): SubmissionFailure {
  const { status, message } = (typeof error === "object" && error !== null ? error : {}) as { status?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : String(error);
  if (error instanceof WorkflowEngineError) return { kind: "refused", message: text };
  if (status === 429) return { kind: "busy", message: text };
  if (typeof status !== "number") return { kind: wasNeverSent(error) ? "busy" : "unclear", message: text };
  const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 409;
  return { kind: isRefusal ? "refused" : "unclear", message: text };
}

function wasNeverSent(error: unknown): boolean {
  for (let at = error, depth = 0; typeof at === "object" && at !== null && depth < 6; depth++) {
    const { code, cause } = at as { code?: unknown; cause?: unknown };
    if (typeof code === "string" && neverSent.has(code)) return true;
    at = cause;
  }
  return false;
}
