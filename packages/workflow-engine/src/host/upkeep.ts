// What keeps runs moving when a worker died or a wake-up was lost (P14, P17, P22): the same in a long-lived host's safety-net tick and in
// the tick of a function.
import type { WorkSession } from "../kernel/session.ts";

/** Runs that have been stuck for this long are moved. Milliseconds. */
export const repairAfterMs = 5_000;

/** Runs one part of a pass; what goes wrong in it is told and keeps no other part from running. */
export type Attempt = <T>(part: () => Promise<T>, otherwise: T) => Promise<T>;

/** Puts the jobs of dead workers back and moves stranded runs on; answers how many leases were released. */
export async function keepUp(session: WorkSession, staleLeaseThresholdMs: number, attempt: Attempt): Promise<number> {
  const released = await attempt(() => session.reapStale(staleLeaseThresholdMs), 0);
  await attempt(() => session.repair(repairAfterMs), 0);
  return released;
}

/** Removes what retention no longer keeps, pass after pass, until nothing is left or `isOver` says so. */
export async function sweepAll(session: WorkSession, isOver: () => boolean): Promise<void> {
  while ((await session.sweep()) > 0 && !isOver());
}
