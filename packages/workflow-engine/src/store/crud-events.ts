// The publisher's side of the outbox on the CRUD port (P18). The port keeps one mark an event, so that the rows speak of the sink as a
// whole: who of several consumers still has to get an event is known to this process only, unless the adapter keeps deliveries. So is who
// publishes: of several processes each may, and what is published twice has the same id. An adapter that keeps deliveries keeps the
// flusher's lease too, as an idempotency key that frees itself.
import type { Environment } from "../ports/environment.ts";
import type { OutboxRecord } from "../ports/outbox.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { Delivery, EventBatch, EventReport, StoredEvent } from "../ports/store.ts";
import { isJobRow, type JobRelay } from "./crud-relay.ts";

/** Looks for events behind rows that are jobs, at most. */
const lastRound = 9;

/** The key that stands for the lease. */
const leaseKey = ["outbox", "outbox.flush"] as const;

/** Deliveries of one event by consumer: those that failed and those that wait behind one. */
type Deliveries = Map<string, Delivery>;

/** Takes events for one flusher of this process at a time, and writes what became of them. */
export class CrudEvents {
  readonly #persistence: Persistence;
  readonly #relay: JobRelay;
  readonly #environment: Environment;
  readonly #deliveries = new Map<string, Deliveries>();
  #flusher: { token: string; until: number; leaseMs: number; isHeld: boolean } | null = null;

  constructor(persistence: Persistence, relay: JobRelay, environment: Environment) {
    this.#persistence = persistence;
    this.#relay = relay;
    this.#environment = environment;
  }

  /** False when flushers of other processes are not kept out. */
  get isLeased(): boolean {
    return this.#persistence.deliveries !== undefined;
  }

  /** Takes what may be published now; null while another flusher's lease lives. */
  async take({ max, leaseMs }: { max: number; leaseMs: number }): Promise<EventBatch | null> {
    const now = this.#environment.now();
    if (this.#flusher && now < this.#flusher.until) return null;
    const token = this.#environment.newId();
    this.#flusher = { token, until: now + leaseMs, leaseMs, isHeld: false };
    try {
      let rows = await this.#unpublished(max);
      if (rows.length > 0 && this.isLeased) {
        if (!(await this.#hold(token, leaseMs))) {
          this.#flusher = null;
          return null;
        }
        this.#flusher.isHeld = true;
        // what another process published in between is none of ours
        rows = await this.#unpublished(max);
      }
      await this.#loadDeliveries(rows);
      const batch = this.#batchOf(rows, max, now);
      if (batch.fresh.length === 0 && batch.pending.length === 0) await this.#letGo();
      return { token, ...batch };
    } catch (error) {
      await this.#letGo();
      throw error;
    }
  }

  /** Keeps the outbox for another `leaseMs`; false when it went to somebody else. */
  async renew(token: string, leaseMs: number): Promise<boolean> {
    if (this.#flusher?.token !== token || !(await this.#hold(token, leaseMs))) return false;
    // it may have been settled meanwhile
    if (this.#flusher?.token === token) this.#flusher.until = this.#environment.now() + leaseMs;
    return true;
  }

  /** Writes what became of a batch; false when its lease went to somebody else. */
  async settle(report: EventReport): Promise<boolean> {
    const flusher = this.#flusher;
    if (flusher?.token !== report.token) return false;
    if (!(await this.#hold(report.token, flusher.leaseMs))) {
      this.#flusher = null;
      return false;
    }
    try {
      for (const { consumer, event } of report.delivered) {
        this.#deliveries.get(event.id)?.delete(consumer);
        await this.#persistence.deliveries?.delete(event.id, consumer);
      }
      for (const delivery of report.failed) await this.#keep(delivery);
      const touched = [...report.published, ...report.delivered.map(({ event }) => event), ...report.failed.map(({ event }) => event)];
      await this.#finish([...new Set(touched.map((event) => event.id))]);
    } finally {
      await this.#letGo();
    }
    return true;
  }

  /** Takes or keeps the lease among processes; false when it is another's. */
  async #hold(owner: string, leaseMs: number): Promise<boolean> {
    if (!this.isLeased) return true;
    return (await this.#persistence.acquireIdempotencyKey(...leaseKey, { owner, leaseMs })).status === "acquired";
  }

  async #letGo(): Promise<void> {
    const isHeld = this.#flusher?.isHeld;
    this.#flusher = null;
    // one that cannot be given back frees itself
    if (isHeld) await this.#persistence.releaseIdempotencyKey(...leaseKey).catch(() => undefined);
  }

  /** Makes up to `max` dead letters deliverable again; answers how many. */
  replay(max: number): Promise<number> {
    return this.#persistence.replayDLQEvents(max);
  }

  /** The oldest events; jobs found among them are relayed on the way. */
  async #unpublished(max: number): Promise<OutboxRecord[]> {
    // events that wait behind a failed one stay in the way: look past them, so that one run never starves the others
    for (let round = 0; ; round++) {
      const rows = await this.#persistence.getUnpublishedOutboxEvents(max + this.#deliveries.size);
      const events = rows.filter((row) => !isJobRow(row));
      if (events.length === rows.length) return events;
      // a queue that is out of reach keeps no event from its consumers
      const isRelayed = await this.#relay.relayRows(rows.filter(isJobRow)).then(
        () => true,
        () => false,
      );
      if (events.length > 0 || !isRelayed || round === lastRound) return events;
    }
  }

  /** What every process has to see of these events, where the adapter keeps it. */
  async #loadDeliveries(rows: readonly OutboxRecord[]): Promise<void> {
    if (!this.#persistence.deliveries || rows.length === 0) return;
    const marks = await this.#persistence.deliveries.list(rows.map(({ id }) => id));
    const byEvent = Map.groupBy(marks, ({ eventId }) => eventId);
    for (const row of rows) {
      const event = toStoredEvent(row);
      const deliveries = (byEvent.get(row.id) ?? []).map(({ eventId: _, workflowRunId: __, ...mark }): [string, Delivery] => [
        mark.consumer,
        { ...mark, event },
      ]);
      if (deliveries.length > 0) this.#deliveries.set(row.id, new Map(deliveries));
      else this.#deliveries.delete(row.id);
    }
  }

  #batchOf(rows: readonly OutboxRecord[], max: number, now: number): Omit<EventBatch, "token"> {
    const batch: Omit<EventBatch, "token"> = { fresh: [], pending: [] };
    for (const [, ofRun] of Map.groupBy(rows, (row) => row.workflowRunId)) {
      const events = ofRun.sort((a, b) => a.sequence - b.sequence).map(toStoredEvent);
      const fresh = events.filter((event) => !this.#deliveries.has(event.id)).slice(0, Math.max(0, max - batch.fresh.length));
      const pending = events.flatMap((event) => this.#waitingOf(event, now));
      const isDue = pending.some(({ nextAt }) => nextAt !== null && nextAt <= now);
      batch.fresh.push(...fresh);
      if (isDue || fresh.length > 0) batch.pending.push(...pending);
    }
    return batch;
  }

  /** Deliveries of an unpublished event that are not dead; when all are dead, the event has been replayed, and they start anew. */
  #waitingOf(event: StoredEvent, now: number): Delivery[] {
    const deliveries = [...(this.#deliveries.get(event.id)?.values() ?? [])];
    const alive = deliveries.filter(({ deadAt }) => deadAt === null);
    if (alive.length > 0) return alive;
    const revived = deliveries.map((delivery) => ({ ...delivery, tries: 0, deadAt: null, nextAt: now }));
    for (const delivery of revived) this.#deliveries.get(event.id)?.set(delivery.consumer, delivery);
    return revived;
  }

  async #keep(delivery: Delivery): Promise<void> {
    const { event, consumer } = delivery;
    const ofEvent: Deliveries = this.#deliveries.get(event.id) ?? new Map();
    const triesBefore = ofEvent.get(consumer)?.tries ?? 0;
    this.#deliveries.set(event.id, ofEvent.set(consumer, delivery));
    const { event: _, ...mark } = delivery;
    await this.#persistence.deliveries?.save({ ...mark, eventId: event.id, workflowRunId: event.runId });
    if (delivery.tries > triesBefore) await this.#persistence.incrementOutboxRetryCount(event.id);
  }

  /** Marks events that nobody waits for any more: published, or dead when somebody will never get them. */
  async #finish(ids: readonly string[]): Promise<void> {
    const published: string[] = [];
    for (const id of ids) {
      const deliveries = [...(this.#deliveries.get(id)?.values() ?? [])];
      if (deliveries.some(({ deadAt }) => deadAt === null)) continue;
      if (deliveries.length > 0) await this.#persistence.moveOutboxEventToDLQ(id);
      else {
        this.#deliveries.delete(id);
        published.push(id);
      }
    }
    if (published.length > 0) await this.#persistence.markOutboxEventsPublished(published);
  }
}

function toStoredEvent({ id, workflowRunId, sequence, occurredAt, eventType, payload }: OutboxRecord): StoredEvent {
  const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  const fields = isObject ? { ...(payload as Record<string, unknown>) } : { payload };
  return { id, runId: workflowRunId, sequence, occurredAt: occurredAt.getTime(), type: eventType, fields };
}
