// What is counted beside what is timed.
import { DriverCounter } from "./driver-counter.ts";
import { TimerCounter } from "./timer-counter.ts";

/** The counters of this process. */
export interface Counters {
  driver: DriverCounter;
  timers: TimerCounter;
}

/** Counts from now on; to be called before an engine is opened. */
export function installCounters(): Counters {
  return { driver: DriverCounter.install(), timers: TimerCounter.install() };
}
