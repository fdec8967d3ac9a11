// Simulated time under the whole engine (settled question 8): timers fire when a test advances, ids and randomness repeat.
// What is deferred runs on a real turn of the event loop, so that ordinary awaits work without advancing.
import { realEnvironment } from "../../environment.ts";
import type { Environment } from "../../ports/environment.ts";

const FIRST_INSTANT = Date.UTC(2025, 0, 1);

/** An environment whose time a test moves. */
export interface FakeEnvironment extends Environment {
  /** Lets `ms` milliseconds pass: due timers fire in order, and what each sets off runs before the next. */
  advance(ms: number): Promise<void>;
  /** Lets everything run that waits for no timer. */
  settle(): Promise<void>;
  /** Instants of the timers set, earliest first. */
  timers(): number[];
}

interface Timer {
  at: number;
  fire: () => void;
}

/** Creates an environment that starts at `start` (2025-01-01T00:00:00Z) and repeats itself for one `seed` (1). */
export function createFakeEnvironment(options: { seed?: number; start?: Date | number } = {}): FakeEnvironment {
  const { seed = 1, start = FIRST_INSTANT } = options;
  let now = typeof start === "number" ? start : start.getTime();
  let ids = 0;
  const timers = new Set<Timer>();
  let deferred: Array<() => void> = [];
  const random = mulberry32(seed);

  const drain = (): void => {
    const runs = deferred;
    deferred = [];
    for (const run of runs) run();
  };
  const settle = async (): Promise<void> => {
    do {
      await new Promise<void>((resolve) => realEnvironment.defer(resolve));
    } while (deferred.length > 0);
  };
  // of timers due at one instant the one set first fires first: a Set keeps that order, and so does the sort
  const inOrder = (): Timer[] => [...timers].sort((a, b) => a.at - b.at);

  return {
    now: () => now,
    random,
    newId: () => fakeId(now, (ids += 1), seed),
    setTimer: (ms, fire) => {
      const timer = { at: now + Math.max(ms, 0), fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    defer: (run) => {
      if (deferred.push(run) === 1) realEnvironment.defer(drain);
    },
    settle,
    timers: () => inOrder().map((timer) => timer.at),
    advance: async (ms) => {
      const target = now + ms;
      await settle();
      for (let [next] = inOrder(); next && next.at <= target; [next] = inOrder()) {
        now = Math.max(now, next.at);
        timers.delete(next);
        next.fire();
        await settle();
      }
      now = target;
    },
  };
}

/** An id shaped like UUID version 7: time, then a count, then the seed. */
function fakeId(now: number, count: number, seed: number): string {
  const time = now.toString(16).padStart(12, "0");
  const [high, low] = [(count >>> 12) & 0xfff, count & 0xfff].map((part) => part.toString(16).padStart(3, "0"));
  const tail = (seed >>> 0).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${high}-8${low}-${tail}`;
}

/** Numbers in [0, 1) that repeat for one seed; mulberry32 by Tommy Ettinger, public domain. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
