// How long a failed attempt waits for the next (P5): exponential, capped, with jitter so that a crowd does not return together.
import type { RetryPolicy } from "../../define/policy.ts";

/** Retry policy of a stage that does not say: 1 s, doubling, at most 5 min, up to 25 % more by jitter. */
export const defaultBackoff = { initialMs: 1_000, factor: 2, maxMs: 300_000, jitter: 0.25 } as const;

/** Milliseconds before the try after `attempt` (from 1): `min(maxMs, initialMs * factor^(attempt - 1)) * (1 + jitter * random)`. */
export function backoffMs(attempt: number, random: number, policy: RetryPolicy = {}): number {
  const { initialMs, factor, maxMs, jitter } = defaultBackoff;
  const longest = policy.maxMs ?? maxMs;
  const exact = (policy.initialMs ?? initialMs) * (policy.factor ?? factor) ** (attempt - 1);
  return Math.round(Math.min(longest, exact) * (1 + (policy.jitter ?? jitter) * random));
}
