// The publisher's side of the outbox (P18): one flusher at a time, sequences given in order per run when a row is published, and
// deliveries of their own for consumers that fail, behind which later events of the same run wait.
import type { Delivery, EventBatch, EventReport, StoredEvent } from "../ports/store.ts";
import { parseEventId } from "../store/record-ids.ts";
import type { Batch } from "./batch.ts";
import type { Row, Session, SqlValue } from "./db.ts";
import { freeFlusher, keepFlusher, lockFlusher } from "./flusher-lease.ts";
import { loadMarksOf, markEach, markKey } from "./marks.ts";
import { eventsOf, type OutboxRow, readOutboxRow } from "./outbox-events.ts";
import { publicationTime } from "./publication-time.ts";
import { closeRange } from "./ranges.ts";
import { followServer } from "./server-change.ts";
import {
  deleteDeliveries,
  findAlive,
  findMarks,
  listAliveOfQueues,
  listAliveOfRuns,
  listDeadDeliveries,
  listDueQueues,
  reviveDeliveries,
  saveDeliveries,
} from "./tables/deliveries.ts";
import { listLiveToTake, listUnpublished, loadOutbox, markPublished } from "./tables/outbox.ts";
import { lockRuns } from "./tables/runs.ts";
import { noTakenRows, publishTaken, readSeen, type TakenRows } from "./taken-rows.ts";

/** Takes what may be published now; null while another flusher's lease lives. */
export async function takeEvents(
  { session, now, newId }: Batch,
  options: { max: number; leaseMs: number },
  taken: TakenRows,
): Promise<EventBatch | null> {
  if (now < (await lockFlusher(session)).until) return null;
  let { fresh, rows } = await takeFresh(session, options.max);
  if ((fresh.length === 0 || rows.isOfAnother) && (await beginRange(session))) ({ fresh, rows } = await takeFresh(session, options.max));
  const pending = await pendingDeliveries(session, new Set(fresh.map((event) => event.runId)), options.max, now);
  const token = newId();
  if (fresh.length === 0 && pending.length === 0) return { token, fresh, pending };
  await keepFlusher(session, token, now + options.leaseMs);
  Object.assign(taken, rows, { token });
  return { token, fresh, pending };
}

/** Ends what somebody began and left nothing of; true when there may be more to take. */
async function beginRange(session: Session): Promise<boolean> {
  if (session.dialect.commitsInOrder) return false;
  return (await followServer(session)) || (await session.write(closeRange, [[]])) > 0;
}

/** Keeps the outbox for another `leaseMs`; false when it went to somebody else. */
export async function renewEvents({ session, now }: Batch, token: string, leaseMs: number): Promise<boolean> {
  if ((await lockFlusher(session)).token !== token) return false;
  await keepFlusher(session, token, now + leaseMs);
  return true;
}

/** Writes what became of a batch; false when its lease went to somebody else. */
export async function settleEvents({ session, now }: Batch, report: EventReport, taken: TakenRows): Promise<boolean> {
  if ((await lockFlusher(session)).token !== report.token) return false;
  const failed = await ofKeptRows(session, report.failed);
  await publish(session, report.published, taken.token === report.token ? taken : noTakenRows(), now);
  if (failed.length > 0) await session.write(saveDeliveries, failed.map(deliveryRow));
  if (report.delivered.length > 0) await session.write(deleteDeliveries, report.delivered.map(deliveryKey));
  await freeFlusher(session);
  return true;
}

/** Deliveries whose event is still there, and stays while the runs are locked: nobody would ever come to one that outlives it (P22). */
async function ofKeptRows(session: Session, deliveries: readonly Delivery[]): Promise<Delivery[]> {
  if (deliveries.length === 0) return [];
  const runIds = new Set(deliveries.map(({ event }) => event.runId));
  await session.read(lockRuns, [...runIds].sort().map(asRow));
  const rowIds = new Set(deliveries.map(({ event }) => Number(rowOf(event))));
  const kept = new Set((await session.read(loadOutbox, [...rowIds].map(asRow))).map(([id]) => id));
  return deliveries.filter(({ event }) => kept.has(Number(rowOf(event))));
}

function asRow(value: SqlValue): Row {
  return [value];
}

/** Makes up to `max` dead letters deliverable again, the longest dead first; answers how many. */
export async function replayDeadDeliveries(session: Session, max: number, now: number): Promise<number> {
  // before the deliveries, as a publisher does: one that has the lease and wants a delivery would wait for one that waits for the lease
  await lockFlusher(session);
  const dead = await session.read(listDeadDeliveries, [[max]]);
  await session.write(
    reviveDeliveries,
    dead.map(([outboxId, index, consumer]) => [outboxId!, index!, consumer!, now]),
  );
  return dead.length;
}

/** Deliveries, whatever their state, with their events; those whose event is gone are left out. */
export async function toDeliveries(session: Session, rows: readonly Row[]): Promise<Delivery[]> {
  const ids = [...new Set(rows.map((row) => row[0] as number))];
  const outbox = new Map<number, OutboxRow>();
  for (const row of await session.read(
    loadOutbox,
    ids.map((id) => [id]),
  )) {
    outbox.set(row[0] as number, readOutboxRow(row));
  }
  return rows.flatMap((row) => {
    const found = outbox.get(row[0] as number);
    return found ? [deliveryOf(row, found)] : [];
  });
}

/** Whole rows, oldest first, while they fit in `max`; one row at least. */
async function takeFresh(session: Session, max: number): Promise<{ fresh: StoredEvent[]; rows: TakenRows }> {
  const isMarked = (await session.read(findMarks, [[]])).length > 0;
  const answer = await session.read(isMarked ? listLiveToTake : listUnpublished, [[max]]);
  const found = answer.map(readOutboxRow);
  const ids = found.map((row) => row.id);
  const marks = isMarked ? await loadMarksOf(session, ids) : null;
  const fresh: StoredEvent[] = [];
  const rows = noTakenRows(readSeen(answer));
  rows.isAll = answer.length < max;
  for (const [at, row] of found.entries()) {
    if (fresh.length > 0 && fresh.length + row.count > max) {
      rows.isAll = false;
      break;
    }
    let unmarked = 0;
    eventsOf(row).forEach((event, index) => {
      const mark = marks?.get(markKey(row.id, index));
      const isLive = mark ? mark.publishedAt === null && mark.deadAt === null : row.publishedAt === null;
      if (isLive) fresh.push(event);
      if (isLive && mark) rows.marked.add(event.id);
      else if (isLive) unmarked += 1;
    });
    if (unmarked > 0) rows.counts.set(String(row.id), unmarked);
    // one that is published itself is here for a revived event
    if (row.publishedAt === null) rows.add(row.id, answer[at]!);
  }
  return { fresh, rows };
}

/** One publication for all that was taken, where it can be; else rows say it themselves, and of others the events one by one. */
async function publish(session: Session, events: readonly StoredEvent[], taken: TakenRows, now: number): Promise<void> {
  const whole: number[] = [];
  const parts: string[] = [];
  for (let start = 0, end = 0; start < events.length; start = end) {
    const row = rowOf(events[start]!);
    let unmarked = 0;
    // events of a row stand together
    for (; end < events.length && rowOf(events[end]!) === row; end += 1) {
      if (!taken.marked.has(events[end]!.id)) unmarked += 1;
    }
    const isWhole = unmarked > 0 && taken.counts.get(row) === unmarked;
    if (isWhole) whole.push(Number(row));
    for (let i = start; (!isWhole || taken.marked.size > 0) && i < end; i += 1) {
      if (!isWhole || taken.marked.has(events[i]!.id)) parts.push(events[i]!.id);
    }
  }
  const isAll = whole.length === taken.counts.size && taken.lastId > 0;
  if (!(isAll && (await publishTaken(session, taken, now))) && whole.length > 0) {
    await session.write(markPublished, [[await publicationTime(session, now), JSON.stringify(whole)]]);
  }
  if (parts.length > 0) await markEach(session, parts, (mark) => ({ ...mark, publishedAt: mark.publishedAt ?? now }), now);
}

function rowOf({ id }: StoredEvent): string {
  return id.slice(0, id.lastIndexOf("."));
}

/** Deliveries of these runs, and whole queues whose head is due, in order. */
async function pendingDeliveries(session: Session, freshRuns: ReadonlySet<string>, max: number, now: number): Promise<Delivery[]> {
  if ((await session.read(findAlive, [[]])).length === 0) return [];
  const rows = await session.read(
    listAliveOfRuns,
    [...freshRuns].map((id) => [id]),
  );
  let room = max - rows.length;
  for (const [runId, consumer] of await session.read(listDueQueues, [[now, max]])) {
    if (room <= 0) break;
    if (freshRuns.has(runId as string)) continue;
    const queue = await session.read(listAliveOfQueues, [[runId!, consumer!]]);
    rows.push(...queue);
    room -= queue.length;
  }
  return (await toDeliveries(session, rows)).sort(compareDeliveries);
}

function compareDeliveries(a: Delivery, b: Delivery): number {
  const byRun = a.event.runId < b.event.runId ? -1 : a.event.runId > b.event.runId ? 1 : 0;
  return byRun || a.event.sequence - b.event.sequence || (a.consumer < b.consumer ? -1 : 1);
}

function deliveryOf(row: Row, outbox: OutboxRow): Delivery {
  const index = row[1] as number;
  const event = eventsOf(outbox)[index]!;
  return {
    consumer: row[2] as string,
    event,
    tries: row[5] as number,
    nextAt: row[6] as number | null,
    deadAt: row[7] as number | null,
    error: row[8] as string | null,
  };
}

function deliveryKey({ event, consumer }: Delivery): SqlValue[] {
  const at = parseEventId(event.id);
  return [Number(at?.row ?? 0), at?.index ?? 0, consumer];
}

function deliveryRow(delivery: Delivery): Row {
  const { event, tries, nextAt, deadAt, error } = delivery;
  return [...deliveryKey(delivery), event.runId, event.sequence, tries, nextAt, deadAt, error];
}
