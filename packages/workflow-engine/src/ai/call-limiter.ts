// How many calls of a stage are under way at a time, and how long one starts after another: what withConcurrency configures.
import type { Environment } from "../ports/environment.ts";

/** Places for calls: `take` waits for one and answers how to give it back. */
export class CallLimiter {
  readonly #environment: Environment;
  readonly #delayMs: number;
  readonly #waiting: Array<() => void> = [];
  #free: number;
  #nextStartAt = 0;

  constructor(environment: Environment, concurrency: number, delayMs: number) {
    this.#environment = environment;
    this.#free = Math.max(1, Math.floor(concurrency));
    this.#delayMs = delayMs;
  }

  /** Waits for a place; the answer gives it back. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    await this.#waitForTurn();
    return () => {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free += 1;
    };
  }

  #waitForTurn(): Promise<void> | undefined {
    if (this.#delayMs <= 0) return undefined;
    const now = this.#environment.now();
    const startAt = Math.max(now, this.#nextStartAt);
    this.#nextStartAt = startAt + this.#delayMs;
    return startAt === now ? undefined : new Promise((resolve) => void this.#environment.setTimer(startAt - now, resolve));
  }
}
