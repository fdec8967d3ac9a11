// Concurrency is batching: the first item goes at once, those that arrive while it is in flight form the next batch. No timers.
// Lanes are independent queues; items of one lane keep their order.
import type { Environment } from "../ports/environment.ts";

/** One item's own error: it leaves the batch, the others go on. */
export class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

interface Waiting<T> {
  item: T;
  answer: PromiseWithResolvers<unknown>;
}

/** As many items as ride one batch make the commit of anything else a small part of what there is to write. */
const CROWD = 10;

/** Runs a batch of one lane and answers a result, or a Failure, an item. */
export type Flush<T> = (lane: number, items: T[]) => Promise<unknown[]>;

/** Gathers what arrives while a batch is under way into the next one. */
export class Coalescer<T> {
  readonly #queues: Waiting<T>[][];
  readonly #isBusy: boolean[];
  readonly #cap: number;
  readonly #environment: Environment;
  readonly #flush: Flush<T>;
  #onIdle: Array<() => void> = [];
  #onLull = new Set<() => void>();

  /** `cap` bounds the items of a batch, and with them the length of a transaction. */
  constructor(lanes: number, cap: number, environment: Environment, flush: Flush<T>) {
    this.#queues = Array.from({ length: lanes }, () => []);
    this.#isBusy = Array.from({ length: lanes }, () => false);
    this.#cap = cap;
    this.#environment = environment;
    this.#flush = flush;
  }

  /** Queues an item; resolves with its own result once its batch has committed. */
  push<R>(lane: number, item: T): Promise<R> {
    const answer = Promise.withResolvers<unknown>();
    this.#queues[lane]!.push({ item, answer });
    if (!this.#isBusy[lane]) this.#begin(lane);
    return answer.promise as Promise<R>;
  }

  #begin(lane: number): void {
    this.#isBusy[lane] = true;
    this.#environment.defer(() => void this.#pump(lane));
  }

  /** Resolves when nothing is under way. */
  drained(): Promise<void> {
    return this.#isBusy.includes(true) ? new Promise((resolve) => this.#onIdle.push(resolve)) : Promise.resolve();
  }

  /**
   * Resolves when nothing of the first `lanes` lanes is under way, or after `longestMs`: what is not urgent lets the others go first. At
   * once where ten items or more wait for their batch: for so many it comes to the same.
   */
  lull(lanes: number, longestMs: number): Promise<void> {
    const isQuiet = (): boolean => !this.#isBusy.slice(0, lanes).includes(true);
    const isCrowded = this.#queues.slice(0, lanes).some((queue) => queue.length >= CROWD);
    if (isCrowded || isQuiet()) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#onLull.delete(look);
        cancel();
        resolve();
      };
      const look = (): void => {
        if (isQuiet()) end();
      };
      const cancel = this.#environment.setTimer(longestMs, end);
      this.#onLull.add(look);
    });
  }

  async #pump(lane: number): Promise<void> {
    for (let queue = this.#queues[lane]!; queue.length > 0; queue = this.#queues[lane]!) {
      const batch = queue.splice(0, this.#cap);
      try {
        const results = await this.#flush(
          lane,
          batch.map((waiting) => waiting.item),
        );
        batch.forEach(({ answer }, i) => {
          const result = results[i];
          if (result instanceof Failure) answer.reject(result.error);
          else answer.resolve(result);
        });
      } catch (error) {
        for (const { answer } of batch) answer.reject(error);
      }
      // what the callers push in reaction to these results joins the next batch
      await new Promise<void>((resolve) => this.#environment.defer(resolve));
    }
    this.#isBusy[lane] = false;
    for (const look of [...this.#onLull]) look();
    if (this.#isBusy.includes(true)) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
