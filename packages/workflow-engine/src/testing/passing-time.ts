// Virtual time that passes while something is under way. A store may do real input and output, so before a timer fires, what is
// on its way through the store is let through: a read queues behind it.
import type { FakeEnvironment } from "../kernel/testing/index.ts";
import type { Environment } from "../ports/environment.ts";
import type { Persistence } from "../ports/persistence.ts";
import { fail } from "./claims.ts";

/** What time passes in. */
export interface TimedStore {
  readonly environment: FakeEnvironment;
  readonly store: { readonly persistence: Pick<Persistence, "getRunStatus"> };
}

const rounds = 3;
/** A promise that has not settled after this much virtual time will not. Milliseconds. */
const longestPassMs = 3 * 60 * 60_000;

/** Lets everything run that waits for no timer. */
export async function settle({ environment, store }: TimedStore): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await environment.settle();
    await store.persistence.getRunStatus("nobody");
  }
  await environment.settle();
}

/** Fires timers, one instant after the other, until the promise has settled; throws when that takes hours. */
export async function pass<T>(timed: TimedStore, promise: Promise<T>): Promise<T> {
  const { environment } = timed;
  const deadline = environment.now() + longestPassMs;
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  watched.catch(() => undefined);
  for (;;) {
    await settle(timed);
    if (isSettled) return watched;
    const next = environment.timers()[0];
    if (next === undefined || next > deadline) fail(`still waiting after ${longestPassMs} ms of virtual time, or nothing left to wait for`);
    await environment.advance(Math.max(0, next - environment.now()));
  }
}

/** The world of a process that dies when told to: from then on none of its timers fires. */
export function mortal(environment: Environment): { environment: Environment; die(): void } {
  let isDead = false;
  const setTimer: Environment["setTimer"] = (ms, fire) => {
    if (isDead) return () => undefined;
    return environment.setTimer(ms, () => {
      if (!isDead) fire();
    });
  };
  return { environment: { ...environment, setTimer }, die: () => void (isDead = true) };
}
