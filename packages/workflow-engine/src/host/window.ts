// How many stages a worker leases at a time (settled question 6, P15): it asks for twice as many while the last ones ran at once, up to 20
// times its places. What has run and only waits for its commit is no work that another worker could do: it is bounded apart, at 100 times,
// or the time of a commit would be what bounds the rate.

/** A bite that has run within this time was too small. Milliseconds. */
const quickMs = 20;
const notRunFactor = 20;
const leasedFactor = 100;

/** Adapts how much is asked for. */
export class Window {
  readonly #concurrency: number;
  readonly #width: number;
  #bite: number;
  /** Jobs that the last bite brought, and when; what has run since then, and when the last of it ended. */
  #bitten = { count: 0, at: 0, ran: 0, ranAt: 0 };

  constructor(concurrency: number) {
    this.#concurrency = concurrency;
    this.#width = concurrency * notRunFactor;
    this.#bite = concurrency;
  }

  /** What one bite may hold now. */
  get bite(): number {
    return this.#bite;
  }

  /** How many more stages may be leased, of `leased` that `committing` have run of; 0 for few: asking for one at a time would undo the batching. */
  free(leased: number, committing: number): number {
    const free = Math.min(this.#width - (leased - committing), this.#concurrency * leasedFactor - leased);
    return free >= this.#width / 4 ? free : 0;
  }

  /** A bite has brought jobs. */
  brought(count: number): void {
    this.#bitten.count += count;
  }

  /** A bite was answered at this instant. */
  answered(now: number): void {
    this.#bitten.at = now;
  }

  /** A stage has run. */
  ran(now: number): void {
    this.#bitten.ran++;
    this.#bitten.ranAt = now;
  }

  /** The size of the next bite: twice the last when that has run already. One that brought nothing tells nothing. */
  next(): number {
    const { count, at, ran, ranAt } = this.#bitten;
    const wasQuick = ran >= count && ranAt - at < quickMs;
    if (count > 0 && !wasQuick) this.#bite = Math.max(this.#concurrency, Math.floor(this.#bite / 2));
    // few came: there is no use in asking for more
    else if (count * 2 >= this.#bite) this.#bite = Math.min(this.#bite * 2, this.#width);
    if (count > 0) this.#bitten = { count: 0, at: 0, ran: 0, ranAt: 0 };
    return this.#bite;
  }
}
