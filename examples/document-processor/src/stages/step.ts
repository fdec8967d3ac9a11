// How every stage of this workflow shows what it is doing: one call before each step. It is also where a stage stops when
// its run is cancelled, and where it can be slowed down so that a person has the time to watch it, or to kill it.
import { setTimeout as sleep } from "node:timers/promises";
import type { StageContext } from "@bratsos/workflow-engine";
import { z } from "zod";

/** Config every stage has: a pause, in milliseconds, after each step is announced, so that a person can watch or kill it. */
export const PaceSchema = z.object({
  paceMs: z.number().int().min(0).max(60_000).default(0).describe("Pause between steps, so that a person can watch or kill the run"),
});

/** Announces the next step at `percent` of the stage, pauses as configured, and throws when the run was cancelled. */
export async function step(
  ctx: Pick<StageContext<unknown, { paceMs: number }>, "config" | "onProgress" | "signal">,
  percent: number,
  message: string,
): Promise<void> {
  ctx.signal.throwIfAborted();
  ctx.onProgress({ progress: percent, message });
  if (ctx.config.paceMs === 0) return;
  try {
    await sleep(ctx.config.paceMs, undefined, { signal: ctx.signal });
  } catch (error) {
    ctx.signal.throwIfAborted(); // the reason of the cancellation says more than the timer's AbortError
    throw error;
  }
}
