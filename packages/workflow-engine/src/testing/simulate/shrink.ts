// From a history that breaks a promise to the shortest one found that breaks the same: faults are left out, one by one and in halves, and
// everything that is left is made to take no time, as long as it still goes wrong.
import { Choices, type FaultKind, type Mishap, writeHistory } from "./choices.ts";

/** Runs a history; true when it still breaks the promise. */
export type Fails = (choices: Choices) => Promise<boolean>;

/** Histories tried at most: each costs as much as one seed. */
const mostTries = 300;

/** The shortest failing history found, as text. */
export async function shrink(failed: Choices, kinds: readonly FaultKind[], fails: Fails): Promise<string> {
  let tries = 0;
  const stillFails = async (mishaps: ReadonlyArray<readonly [string, Mishap]>, isCalm: boolean): Promise<boolean> => {
    if (tries++ >= mostTries) return false;
    return fails(new Choices(failed.seed, kinds, writeHistory(mishaps, isCalm)));
  };
  let kept = [...failed.taken];
  const leaveOut = async (isCalm: boolean): Promise<void> => {
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < kept.length; ) {
        const fewer = kept.filter((_, i) => i < at || i >= at + size);
        if (await stillFails(fewer, isCalm)) kept = fewer;
        else at += size;
      }
    }
  };
  await leaveOut(failed.isCalm);
  const isCalm = failed.isCalm || (await stillFails(kept, true));
  if (isCalm) await leaveOut(true);
  return writeHistory(kept, isCalm);
}
