// Counts ended runs and wakes who waits for a number of them.

/** What thirds that add up to a whole may miss. */
const tolerance = 1e-6;

/** A count that can be waited for. */
export class EndedCount {
  #count = 0;
  #waiting: Array<{ total: number; resolve: () => void }> = [];

  /** Adds runs that have ended, parts of one too. */
  add(count: number): void {
    this.#count += count;
    const whole = Math.round(this.#count);
    if (Math.abs(whole - this.#count) < tolerance) this.#count = whole;
    if (this.#waiting.length === 0) return;
    const reached = this.#waiting.filter(({ total }) => total <= this.#count);
    this.#waiting = this.#waiting.filter(({ total }) => total > this.#count);
    for (const { resolve } of reached) resolve();
  }

  /** Resolves when `total` runs have ended. */
  reaches(total: number): Promise<void> {
    if (this.#count >= total) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ total, resolve }));
  }
}
