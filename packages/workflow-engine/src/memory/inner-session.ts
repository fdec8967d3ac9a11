// How callers get at the rows of a memory store, and the inside of a transaction that spans awaits (P20).
import { WorkflowEngineError } from "../errors.ts";
import type { Journal } from "./journal.ts";

/** Runs synchronous steps, each a transaction of its own or a part of the one it belongs to. */
export interface Session {
  step<T>(work: () => T): Promise<T>;
  /** Runs `work` atomically over its awaits; inside a transaction it joins. */
  transaction<T>(work: (inner: Session) => Promise<T>): Promise<T>;
}

/** The inside of a transaction that spans awaits; of no use once it has ended. */
export class InnerSession implements Session {
  readonly #journal: Journal;
  #hasEnded = false;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  end(): void {
    this.#hasEnded = true;
  }

  async step<T>(work: () => T): Promise<T> {
    if (this.#hasEnded)
      throw new WorkflowEngineError("STORE_REFUSED", "The transaction has ended. Await every call inside withTransaction.");
    return this.#journal.atomically(work);
  }

  transaction<T>(work: (inner: Session) => Promise<T>): Promise<T> {
    return work(this);
  }
}
