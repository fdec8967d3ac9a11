// Rows that whoever brings them does not wait for: those that come while a transaction is under way are written together by the next one.
import type { Session } from "../db.ts";
import type { Steps } from "./steps.ts";

/** Writes rows in the order of their arrival, as many as there are at a time. */
export class RowQueue<R> {
  readonly #steps: Steps;
  readonly #insert: (session: Session, rows: readonly R[]) => Promise<void>;
  #waiting: R[] = [];
  #flushing: Promise<void> | null = null;

  constructor(steps: Steps, insert: (session: Session, rows: readonly R[]) => Promise<void>) {
    this.#steps = steps;
    this.#insert = insert;
  }

  /** Takes a row; it is in the database soon after, and at the latest when somebody flushes. */
  add(row: R): void {
    this.#waiting.push(row);
    // what fails now is kept, and tried again by whoever flushes next
    if (!this.#flushing) void this.flush().catch(() => undefined);
  }

  /** Writes every row taken so far. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#flushing) {
      this.#flushing ??= this.#writeWaiting().finally(() => {
        this.#flushing = null;
      });
      await this.#flushing;
    }
  }

  async #writeWaiting(): Promise<void> {
    let taken: R[] = [];
    try {
      await this.#steps.write(async ({ session }) => {
        // only now: what came while others had the connection goes along; and what an earlier try of this transaction has taken
        taken = [...taken, ...this.#waiting];
        this.#waiting = [];
        if (taken.length > 0) await this.#insert(session, taken);
      });
    } catch (error) {
      this.#waiting = [...taken, ...this.#waiting];
      throw error;
    }
  }
}
