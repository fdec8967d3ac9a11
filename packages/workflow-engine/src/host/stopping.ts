// How a host of any kind ends what it holds (P15): it waits for running stages and looks until a moment, then hands back what is left.
import type { Environment } from "../ports/environment.ts";

/** Something that runs and can be given up. */
export interface Stoppable {
  /** Takes nothing new and resolves when what runs has ended. */
  stop(): Promise<void>;
  /** Hands back what still runs. */
  abandon(reason: unknown): Promise<void> | void;
}

/** Waits for `parts` to end for at most `ms` milliseconds, then hands back what they hold; true when that was needed. */
export async function stopWithin(
  environment: Environment,
  ms: number,
  parts: readonly Stoppable[],
  reason: () => unknown,
): Promise<boolean> {
  let cancelTimer = (): void => undefined;
  const isLate = new Promise<boolean>((resolve) => {
    cancelTimer = environment.setTimer(ms, () => resolve(true));
  });
  const hasEnded = Promise.all(parts.map((part) => part.stop())).then(() => false);
  const wasLate = await Promise.race([hasEnded, isLate]).finally(() => cancelTimer());
  if (wasLate) for (const part of parts) await part.abandon(reason());
  return wasLate;
}
