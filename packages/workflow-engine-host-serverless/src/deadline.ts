// A function's time budget: work stops a moment before the platform freezes or kills the function, so that there is time to hand back what
// it holds.
import type { Environment } from "@bratsos/workflow-engine/kernel";

/** When the platform ends the function: an instant, as a Date or in milliseconds since the epoch. */
export type Deadline = Date | number;

/** How long a call may take. The earlier of the two counts; neither is no limit. */
export interface TimeLimit {
  deadline?: Deadline | undefined;
  /** Milliseconds from now. */
  budgetMs?: number | undefined;
}

/** Milliseconds before the deadline that are kept for handing back; a tenth of a budget shorter than ten times that. */
const reserveMs = 1_000;

/** A time budget of one call. */
export interface Budget {
  /** True once no more work may begin. */
  isOver(): boolean;
  /** Aborts when work has to stop; `end` clears its timer. */
  readonly signal: AbortSignal;
  end(): void;
}

/** Starts the budget of a call; without a limit it is never over. */
export function startBudget(environment: Environment, limit: TimeLimit): Budget {
  const controller = new AbortController();
  const now = environment.now();
  const at = Math.min(instantOf(limit.deadline), now + (limit.budgetMs ?? Number.POSITIVE_INFINITY));
  if (at === Number.POSITIVE_INFINITY) return { isOver: () => false, signal: controller.signal, end: () => undefined };
  const stopAt = at - Math.min(reserveMs, Math.max(0, at - now) / 10);
  const isOver = (): boolean => environment.now() >= stopAt;
  const stop = (): void => controller.abort(new Error("The function's time budget is over"));
  if (isOver()) stop();
  const cancelTimer = isOver() ? () => undefined : environment.setTimer(stopAt - now, stop);
  return { isOver, signal: controller.signal, end: cancelTimer };
}

function instantOf(deadline: Deadline | undefined): number {
  if (deadline === undefined) return Number.POSITIVE_INFINITY;
  const at = typeof deadline === "number" ? deadline : deadline.getTime();
  if (Number.isNaN(at)) throw new TypeError("deadline must be a Date or a number of milliseconds since the epoch");
  return at;
}
