// The publisher's side of the outbox (P18): one flusher at a time, sequences given in order per run, and deliveries of their
// own for consumers that fail, behind which later events of the same run wait.
import type { Delivery, EventBatch, EventReport, StoredEvent } from "../ports/store.ts";
import { deliveryKey } from "./delete-run.ts";
import type { MemoryTables } from "./memory-tables.ts";
import { eventsOf, hasLiveEvents, isLive, markEvent, markPublished, sequenceRow } from "./outbox-rows.ts";
import { compareText, firstOf } from "./table.ts";
import type { TakeContext } from "./take.ts";

const FLUSHER = "outbox";

/** Takes what may be published now; null while another flusher's lease lives. */
export function takeEvents({ tables, now, newId }: TakeContext, options: { max: number; leaseMs: number }): EventBatch | null {
  const current = tables.flushers.get(FLUSHER);
  if (current && now < current.until) return null;
  const fresh = takeFresh(tables, options.max);
  const pending = pendingDeliveries(tables, new Set(fresh.map((event) => event.runId)), options.max, now);
  const token = newId();
  if (fresh.length === 0 && pending.length === 0) return { token, fresh, pending };
  tables.flushers.set(FLUSHER, { token, until: now + options.leaseMs });
  return { token, fresh, pending };
}

/** Keeps the outbox for another `leaseMs`; false when it went to somebody else. */
export function renewEvents(tables: MemoryTables, token: string, until: number): boolean {
  if (tables.flushers.get(FLUSHER)?.token !== token) return false;
  tables.flushers.set(FLUSHER, { token, until });
  return true;
}

/** Writes what became of a batch; false when its lease went to somebody else. */
export function settleEvents(tables: MemoryTables, report: EventReport, now: number): boolean {
  if (tables.flushers.get(FLUSHER)?.token !== report.token) return false;
  markPublished(
    tables,
    report.published.map((event) => event.id),
    now,
  );
  for (const delivery of report.failed) tables.deliveries.set(deliveryKey(delivery.consumer, delivery.event.id), structuredClone(delivery));
  for (const delivery of report.delivered) tables.deliveries.delete(deliveryKey(delivery.consumer, delivery.event.id));
  tables.flushers.delete(FLUSHER);
  return true;
}

/** Makes up to `max` dead letters deliverable again, the longest dead first; answers how many. */
export function replayDeadLetters(tables: MemoryTables, max: number, now: number): number {
  const deliveries = firstOf(tables.deliveries.by("life", "dead"), max, (a, b) => a.deadAt! - b.deadAt!);
  for (const delivery of deliveries) {
    const key = deliveryKey(delivery.consumer, delivery.event.id);
    tables.deliveries.set(key, { ...delivery, tries: 0, deadAt: null, nextAt: now });
  }
  const events = firstOf(deadEvents(tables), max - deliveries.length, (a, b) => a.mark!.deadAt! - b.mark!.deadAt!);
  for (const event of events) markEvent(tables, event.stored.id, now, (mark) => ({ ...mark, tries: 0, deadAt: null }));
  return deliveries.length + events.length;
}

/** Events that the CRUD port gave up. */
export function deadEvents(tables: MemoryTables): ReturnType<typeof eventsOf> {
  const rows = tables.outbox.by("fresh", "yes").filter((row) => row.marks.size > 0);
  return rows.flatMap(eventsOf).filter((event) => event.mark?.deadAt != null);
}

/** Whole rows, oldest first, while they fit in `max`; one row at least. */
function takeFresh(tables: MemoryTables, max: number): StoredEvent[] {
  const fresh: StoredEvent[] = [];
  for (const row of firstOf(tables.outbox.by("fresh", "yes").filter(hasLiveEvents), max, (a, b) => a.id - b.id)) {
    if (fresh.length > 0 && fresh.length + row.count > max) break;
    const live = eventsOf(sequenceRow(tables, row)).filter(isLive);
    fresh.push(...live.map((event) => event.stored));
  }
  return fresh;
}

/** Deliveries of these runs, and whole queues whose head is due, in order. */
function pendingDeliveries(tables: MemoryTables, freshRuns: ReadonlySet<string>, max: number, now: number): Delivery[] {
  const alive = tables.deliveries.by("life", "alive");
  const queues = [...Map.groupBy(alive, (delivery) => JSON.stringify([delivery.event.runId, delivery.consumer])).values()];
  const pending: Delivery[] = [];
  let room = max;
  for (const queue of queues) {
    const isOfFresh = freshRuns.has(queue[0]!.event.runId);
    const heads = queue.filter((delivery) => delivery.nextAt !== null);
    // without a head nothing is ahead of the others
    const isDue = heads.length === 0 || heads.some((delivery) => delivery.nextAt! <= now);
    if (!isOfFresh && !(isDue && room > 0)) continue;
    pending.push(...queue);
    room -= queue.length;
  }
  return structuredClone(pending.sort(compareDeliveries));
}

function compareDeliveries(a: Delivery, b: Delivery): number {
  return compareText(a.event.runId, b.event.runId) || a.event.sequence - b.event.sequence || compareText(a.consumer, b.consumer);
}
