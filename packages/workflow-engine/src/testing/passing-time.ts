// Virtual time that passes while something is under way. What is on its way through a store that answers over a network is let
// through before a timer fires: a read queues behind it.
import type { FakeEnvironment } from "../kernel/testing/index.ts";
import type { Environment } from "../ports/environment.ts";
import type { Persistence } from "../ports/persistence.ts";
import { fail } from "./claims.ts";

/** What time passes in. */
export interface TimedStore {
  readonly environment: FakeEnvironment;
  readonly store: { readonly persistence: Pick<Persistence, "getRunStatus">; readonly quiet?: (() => Promise<void>) | undefined };
  /** True when the store answers over a network, and not within a turn of the event loop. */
  readonly isRemote?: boolean | undefined;
}

const rounds = 3;
/** A promise that has not settled after this much virtual time will not. Milliseconds. */
const longestPassMs = 3 * 60 * 60_000;

const mostIdleRounds = 1_000;

/** Lets everything run that waits for no timer. */
export async function settle({ environment, store, isRemote = false }: TimedStore): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await environment.settle();
    if (isRemote) await (store.quiet ? store.quiet() : store.persistence.getRunStatus("nobody"));
  }
  await environment.settle();
}

/** Lets virtual time pass. */
export async function advance(timed: TimedStore, ms: number): Promise<void> {
  const { environment, isRemote = false } = timed;
  const target = environment.now() + ms;
  await settle(timed);
  for (let next = environment.timers()[0]; isRemote && next !== undefined && next <= target; next = environment.timers()[0]) {
    await environment.advance(Math.max(0, next - environment.now()));
    await settle(timed);
  }
  await environment.advance(target - environment.now());
  await settle(timed);
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
  for (let idle = 0; ; ) {
    await settle(timed);
    if (isSettled) return watched;
    const next = environment.timers()[0];
    // no timer is set, but turns of the event loop may still be needed
    idle = next === undefined ? idle + 1 : 0;
    if (idle > mostIdleRounds || (next ?? 0) > deadline) fail(`still waiting after ${longestPassMs} ms of virtual time, or for nothing`);
    if (next !== undefined) await environment.advance(Math.max(0, next - environment.now()));
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

/** A fake environment whose clock can also be put forward: no timer fires for it, as while every process sleeps. */
export interface LeapingEnvironment extends FakeEnvironment {
  /** Puts the clock forward. */
  leap(ms: number): void;
}

/** Adds leaps to a fake environment. */
export function leaping(fake: FakeEnvironment): LeapingEnvironment {
  let ahead = 0;
  return {
    ...fake,
    now: () => fake.now() + ahead,
    timers: () => fake.timers().map((at) => at + ahead),
    leap: (ms) => {
      ahead += ms;
    },
  };
}
