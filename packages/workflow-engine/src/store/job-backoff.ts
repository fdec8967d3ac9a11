// How long a job that failed waits, and how often it may be tried: the same for every queue of ours (P5, P14).

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 5 * 60_000;

/** Tries of a job that does not say otherwise. */
export const DEFAULT_MAX_ATTEMPTS = 3;

/** Why a job failed whose worker was gone each time. */
export const WORKER_LOST = "worker lost";

/** Milliseconds until the try after `attempt` (from 1): 1 s, doubled each time, 5 min at most. */
export function backoffMs(attempt: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** Math.max(attempt - 1, 0), LONGEST_DELAY_MS);
}
