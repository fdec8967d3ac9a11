// Counts ended runs and wakes who waits for a number of them.

/** A count that can be waited for. */
export class EndedCount {
  #count = 0;
  #waiting: Array<{ total: number; resolve: () => void }> = [];

  /** Adds runs that have ended. */
  add(count: number): void {
    this.#count += count;
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
