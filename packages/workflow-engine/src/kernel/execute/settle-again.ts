// Commits how an execution ended over a store that stumbles: an hour of paid work must not be done again because a connection broke
// once (P13, P14). What the store will not take, the stage fails with, so that its attempts are spent and it does not loop for ever.
import { errorCodeOf } from "../../errors.ts";
import type { Job, Unit } from "../../ports/store.ts";
import { backoffMs } from "../rules/backoff.ts";
import type { Outcome, Settled } from "../rules/settle.ts";
import type { Abort } from "./abort.ts";
import { describeError } from "./failures.ts";
import type { KernelParts } from "./parts.ts";

/** How an execution was settled in the end. */
export interface SettledExecution {
  ended: Outcome;
  settled: Settled;
}

/** Tries of one commit: the second at once, the others within 13 s, well before anybody takes the lease for dead; 3 s apart at most. */
const maxTries = 9;
const pauses = { initialMs: 100, factor: 3, maxMs: 3_000, jitter: 0.25 } as const;

/** Errors that the next try would meet again. */
const finalCodes: ReadonlySet<string | undefined> = new Set([
  "STORE_CLOSED",
  "RUN_NOT_FOUND",
  "IDEMPOTENCY_IN_PROGRESS",
  "IDEMPOTENCY_CONFLICT",
]);

/** Settles an execution whose first commit failed with this error; rejects with it when that cannot be done. */
export async function settleAgain(
  parts: Pick<KernelParts, "store" | "environment">,
  job: Job,
  abort: Abort,
  error: unknown,
  outcome: Outcome,
  unitOf: (outcome: Outcome) => Unit<Settled>,
): Promise<SettledExecution> {
  const settled = await commitAgain(parts, abort, error, () => unitOf(outcome));
  if (settled) return known({ ended: outcome, settled }, error);
  const failed = refusedOutcome(parts, job, error);
  const settledAsFailed = await commit(parts, unitOf(failed));
  if (!settledAsFailed) throw error;
  return known({ ended: failed, settled: settledAsFailed }, error);
}

/** Tries a commit that failed with this error again: at once, then for 13 s; null when none came through. Throws an error that stays. */
export async function commitAgain<R extends object>(
  parts: Pick<KernelParts, "store" | "environment">,
  abort: Abort,
  error: unknown,
  unitOf: () => Unit<R>,
): Promise<R | null> {
  if (finalCodes.has(errorCodeOf(error))) throw error;
  for (let tries = 2; tries <= maxTries && !abort.isAborted; tries++) {
    const answer = await commit(parts, unitOf());
    if (answer) return answer;
    if (tries < maxTries) await pause(parts, backoffMs(tries - 1, parts.environment.random(), pauses));
  }
  return null;
}

async function commit<R extends object>({ store }: Pick<KernelParts, "store">, unit: Unit<R>): Promise<R | null> {
  return store.transact(unit).catch(() => null);
}

/** A commit whose answer was lost stands, and the try after it finds its stage gone: nobody knows then, so the caller is told of the error. */
function known(end: SettledExecution, error: unknown): SettledExecution {
  if (end.settled.outcome === "discarded") throw error;
  return end;
}

function refusedOutcome({ environment }: Pick<KernelParts, "environment">, { stageId, attempt }: Job, error: unknown): Outcome {
  return {
    kind: "failed",
    error: `The end of stage "${stageId}" could not be stored: ${describeError(error)}`,
    isRetryable: true,
    delayMs: backoffMs(attempt, environment.random()),
  };
}

function pause({ environment }: Pick<KernelParts, "environment">, ms: number): Promise<void> {
  return new Promise((resolve) => environment.setTimer(ms, resolve));
}
