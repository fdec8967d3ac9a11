// Rows that whoever brings them does not wait for: those that come while a transaction is under way are written together by the next one.
// One that the database will never take leaves the queue, and nothing waits behind it (P20).
import type { Session } from "../db.ts";
import { sqlStateOf } from "../drivers/postgres-client.ts";
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
      if (isOfValue(error)) return this.#writeEach(taken);
      this.#waiting = [...taken, ...this.#waiting];
      throw error;
    }
  }

  /** Writes rows one by one; throws why the last of those that the database refuses is none to be kept. */
  async #writeEach(rows: readonly R[]): Promise<void> {
    let refused: unknown = null;
    for (const [i, row] of rows.entries()) {
      try {
        await this.#steps.write(({ session }) => this.#insert(session, [row]));
      } catch (error) {
        refused = error;
        if (isOfValue(error)) continue;
        this.#waiting = [...rows.slice(i), ...this.#waiting];
        break;
      }
    }
    if (refused) throw refused;
  }
}

/** True when a database refused a value, and will do so again: class 22 of SQLSTATE is that of data exceptions. */
function isOfValue(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return sqlStateOf(cause)?.startsWith("22") ?? false;
}
