// Places for user code: `concurrency` of them. What waits too long for one gives up, so that another worker may have it.

interface Waiting {
  since: number;
  resolve(hasPlace: boolean): void;
}

/** Counts the user code under way. */
export class Places {
  readonly #size: number;
  #taken = 0;
  #waiting: Waiting[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** Free places. */
  get free(): number {
    return this.#size - this.#taken;
  }

  /** How many wait for a place. */
  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Resolves true with a place, false when the wait was given up. */
  enter(now: number): Promise<boolean> | boolean {
    if (this.#taken < this.#size) {
      this.#taken++;
      return true;
    }
    return new Promise((resolve) => this.#waiting.push({ since: now, resolve }));
  }

  /** Frees a place, for the one that has waited longest. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next) next.resolve(true);
    else this.#taken--;
  }

  /** Gives up the waits begun at or before `before`; answers how many. */
  giveUp(before: number): number {
    const old = this.#waiting.filter((waiting) => waiting.since <= before);
    this.#waiting = this.#waiting.filter((waiting) => waiting.since > before);
    for (const waiting of old) waiting.resolve(false);
    return old.length;
  }
}
