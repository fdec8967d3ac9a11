// Follows one run by what the database says: published events in order, and its rows. Read, not subscribed to: events are handed to
// the sink of whichever process publishes them, and that may be another worker on the same database.
import type { OutboxRecord, Persistence, Reader, RunDetail, Status } from "@bratsos/workflow-engine";

/** What following needs of a store. */
export interface FollowedStore {
  persistence: Pick<Persistence, "getRunStatus">;
  reader: Pick<Reader, "getRunDetail" | "listEvents">;
}

/** Statuses that only a rerun leaves. */
export const endedStatuses: ReadonlySet<Status> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

const pageSize = 200;
/** Rows are read again after this long without an event: their publisher may be gone. Milliseconds. */
const rereadMs = 1_000;

/** Reads what is new about a run. */
export class RunFollower {
  readonly runId: string;
  readonly #store: FollowedStore;
  #after: number;
  #readAt = 0;
  /** The rows as last read; null before the first look. */
  detail: RunDetail | null = null;
  status: Status | null = null;

  constructor(store: FollowedStore, runId: string, after = 0) {
    this.#store = store;
    this.runId = runId;
    this.#after = after;
  }

  get hasEnded(): boolean {
    return this.status !== null && endedStatuses.has(this.status);
  }

  /** Leaves out the events there are. */
  async skipPast(): Promise<void> {
    await this.#newEvents();
  }

  /** Answers the events since the last look, and reads the rows again when there may be something new in them. */
  async look(now: number): Promise<OutboxRecord[]> {
    const before = this.status;
    this.status = await this.#store.persistence.getRunStatus(this.runId);
    const events = await this.#newEvents();
    if (this.detail === null || before !== this.status || events.length > 0 || now - this.#readAt >= rereadMs) {
      this.detail = await this.#store.reader.getRunDetail(this.runId);
      this.#readAt = now;
    }
    return events;
  }

  async #newEvents(): Promise<OutboxRecord[]> {
    const events: OutboxRecord[] = [];
    for (;;) {
      const page = await this.#store.reader.listEvents(this.runId, this.#after, pageSize);
      events.push(...page);
      this.#after = page.at(-1)?.sequence ?? this.#after;
      if (page.length < pageSize) return events;
    }
  }
}
