// How a stage or a group is treated when things go wrong or cost too much: declared here, carried out by the kernel (P5).
// A policy that makes no sense (a negative delay, no attempt at all) is refused where it is written.

import { WorkflowEngineError } from "../errors.ts";

/** When and how often a failed stage is tried again; defaults: 3 attempts, 1 s, factor 2, 5 min, up to 25 % jitter. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  maxAttempts?: number | undefined;
  /** Milliseconds before the second try. */
  initialMs?: number | undefined;
  /** What each further delay is multiplied by. */
  factor?: number | undefined;
  /** Longest delay in milliseconds. */
  maxMs?: number | undefined;
  /** Largest random share added to a delay, 0 to 1. */
  jitter?: number | undefined;
  /** Tells whether an error deserves another try; every error but a FatalError does when absent. */
  retryOn?(error: unknown): boolean;
}

/** What a stage may spend on AI. */
export interface StageBudget {
  /** Dollars. */
  usd?: number | undefined;
  tokens?: number | undefined;
}

/** What a run may spend on AI, and what happens when it would spend more. */
export interface WorkflowBudget extends StageBudget {
  onExceed: "hold" | "fail";
}

/** What one run may spend, given when it is created; what is left out is the workflow's. */
export type RunBudgetInput = Partial<WorkflowBudget>;

/** What happens to the siblings of a stage that failed: their signals abort, or their ends are awaited. */
export type GroupFailurePolicy = "abort" | "await";

/** Options of a parallel group. */
export interface ParallelOptions {
  /** `abort` when absent. */
  onFailure?: GroupFailurePolicy | undefined;
}

/** Throws INVALID_DEFINITION, naming the owner and the field, when a number of a policy is out of its range. */
export function assertPolicies(
  owner: string,
  policies: { retry?: RetryPolicy | undefined; timeoutMs?: number | undefined; budget?: StageBudget | undefined },
): void {
  const { retry, timeoutMs, budget } = policies;
  assertRange(owner, "retry.maxAttempts", retry?.maxAttempts, 1, Number.MAX_SAFE_INTEGER);
  assertRange(owner, "retry.initialMs", retry?.initialMs, 0);
  assertRange(owner, "retry.factor", retry?.factor, 1);
  assertRange(owner, "retry.maxMs", retry?.maxMs, 0);
  assertRange(owner, "retry.jitter", retry?.jitter, 0, 1);
  assertRange(owner, "timeoutMs", timeoutMs, 1);
  assertRange(owner, "budget.usd", budget?.usd, 0);
  assertRange(owner, "budget.tokens", budget?.tokens, 0);
}

function assertRange(owner: string, field: string, value: number | undefined, least: number, most = Number.POSITIVE_INFINITY): void {
  if (value === undefined || (value >= least && value <= most)) return;
  const range = most === 1 ? `between ${least} and 1` : `at least ${least}`;
  throw new WorkflowEngineError("INVALID_DEFINITION", `${owner}: ${field} must be ${range}, got ${value}`);
}
