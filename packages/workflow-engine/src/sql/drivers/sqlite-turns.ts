// Turns at a connection of SQLite: a statement issued while somebody else's transaction is open would join it.

/** Who may use a connection, one after the other. */
export class Turns {
  #last: Promise<void> = Promise.resolve();
  #count = 0;

  /** True when nobody has one or waits for one. */
  get isFree(): boolean {
    return this.#count === 0;
  }

  /** Resolves when everybody before has ended; the answer ends this one, however often it is called. */
  async next(): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise.then(() => void (this.#count -= 1));
    this.#count += 1;
    await before;
    return resolve;
  }
}
