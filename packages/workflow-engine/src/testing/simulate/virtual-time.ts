// Virtual time: what will happen, in order. One thing happens at a time, and everything it sets off that waits for nothing happens
// before the next: a simulated day costs as much as what happens in it.
import { realEnvironment } from "../../environment.ts";

/** Something that belongs to a process: it waits while that one stands still, and is dropped when it dies. */
export interface Owner {
  readonly isAlive: boolean;
  /** Instant until which it stands still. */
  readonly pausedUntil: number;
}

interface Planned {
  at: number;
  order: number;
  owner: Owner | null;
  run: (() => void) | null;
}

/** The order of things to come. Instants are milliseconds since the epoch, with fractions. */
export class VirtualTime {
  #now: number;
  #order = 0;
  #steps = 0;
  readonly #heap: Planned[] = [];
  readonly #isBusy: () => boolean;
  #deferred: Array<() => void> = [];

  /** `isBusy` tells whether something that is no part of the simulation is under way, e.g. a real database's answer. */
  constructor(isBusy: () => boolean) {
    this.#now = Date.UTC(2025, 0, 1);
    this.#isBusy = isBusy;
  }

  /** The current instant. */
  get now(): number {
    return this.#now;
  }

  /** How many things have happened. */
  get steps(): number {
    return this.#steps;
  }

  /** Plans `run` for an instant; the answer cancels it. */
  at(instant: number, owner: Owner | null, run: () => void): () => void {
    const planned: Planned = { at: Math.max(instant, this.#now), order: this.#order++, owner, run };
    this.#push(planned);
    return () => {
      planned.run = null;
    };
  }

  /** Calls `run` once what happens now has settled, and before anything else happens. */
  defer(run: () => void): void {
    this.#deferred.push(run);
  }

  /** Instant of the next thing; null when nothing is planned. */
  next(): number | null {
    for (let head = this.#heap[0]; head; head = this.#heap[0]) {
      if (head.run && head.owner?.isAlive !== false) {
        if ((head.owner?.pausedUntil ?? 0) <= head.at) return head.at;
        this.#pop();
        head.at = head.owner!.pausedUntil;
        this.#push(head);
      } else this.#pop();
    }
    return null;
  }

  /** Lets the next thing happen, and all that follows from it at once; false when nothing is planned. */
  async step(): Promise<boolean> {
    if (this.next() === null) return false;
    const { at, run } = this.#pop();
    this.#now = at;
    this.#steps++;
    run!();
    await this.settle();
    return true;
  }

  /** Lets everything run that waits for no instant; what is really under way outside is waited for. */
  async settle(): Promise<void> {
    do {
      const runs = this.#deferred;
      this.#deferred = [];
      for (const run of runs) run();
      await turn();
    } while (this.#deferred.length > 0 || this.#isBusy());
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let child = heap.push(planned) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (isBefore(heap[parent]!, planned)) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = planned;
  }

  #pop(): Planned {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let parent = 0;
    for (let child = 1; child < heap.length; child = 2 * parent + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
    return first;
  }
}

/** A real turn of the event loop: every promise that can settle has. */
export function turn(): Promise<void> {
  return new Promise((resolve) => realEnvironment.defer(resolve));
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
