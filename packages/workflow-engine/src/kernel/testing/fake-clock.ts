// A clock that stands still until a test moves it.
import type { Clock } from "../../ports/environment.ts";

const FIRST_INSTANT = "2025-01-01T00:00:00Z";

/** A clock for tests; it starts at 2025-01-01T00:00:00Z unless told otherwise. */
export class FakeClock implements Clock {
  #now: number;

  constructor(initial: Date = new Date(FIRST_INSTANT)) {
    this.#now = initial.getTime();
  }

  now(): Date {
    return new Date(this.#now);
  }

  /** Moves the clock on. */
  advance(ms: number): void {
    this.#now += ms;
  }

  /** Moves the clock to an instant, also back. */
  set(date: Date): void {
    this.#now = date.getTime();
  }
}
