// Events of the CRUD port: one record an event, though events are kept one row a run and commit (P18). Their sequences follow those of
// the run, whose lock the caller's transaction then holds.
import type { CreateOutboxEventInput, OutboxRecord } from "../../ports/outbox.ts";
import type { StoredEvent } from "../../ports/store.ts";
import { toKernelEvent } from "../../store/event-codec.ts";
import { parseEventId } from "../../store/record-ids.ts";
import type { Session } from "../db.ts";
import { forOne } from "../dialect.ts";
import { replayDeadDeliveries } from "../events.ts";
import { lockFlusher } from "../flusher-lease.ts";
import { loadMarksOf, markEach, markKey, reviveMarks } from "../marks.ts";
import { type EventMark, eventsOf, type OutboxRow, payloadOf, readOutboxRow } from "../outbox-events.ts";
import { publicationTime } from "../publication-time.ts";
import { listLive, loadLastSequence, loadOutbox, markPublished } from "../tables/outbox.ts";
import { countEvents } from "../tables/run-writes.ts";
import { toDate, toText } from "./json-text.ts";
import { lockRun } from "./run-records.ts";
import type { Step } from "./steps.ts";

const insertRaw = forOne(
  "insert_raw_event",
  { run_id: "text", occurred_at: "int", causation_id: "text", events: "text", raw_type: "text", first_sequence: "int" },
  (p) => `INSERT INTO outbox (run_id, occurred_at, causation_id, events, raw_type, count, first_sequence)
    VALUES (${p.run_id}, ${p.occurred_at}, ${p.causation_id}, ${p.events}, ${p.raw_type}, 1, ${p.first_sequence})`,
);
/** Appends events, one row each. */
export async function appendEvents(step: Step, events: readonly CreateOutboxEventInput[]): Promise<void> {
  const { session, signal } = step;
  const byRun = Map.groupBy(events, (event) => event.workflowRunId);
  const last = new Map<string, number>();
  // runs are locked in the order of their ids, as everybody does
  for (const runId of [...byRun.keys()].sort()) {
    const count = (await lockRun(step, runId))?.eventCount ?? ((await session.read(loadLastSequence, [[runId]]))[0]![0] as number);
    last.set(runId, count);
  }
  for (const { workflowRunId, eventType, payload, causationId, occurredAt } of events) {
    const sequence = last.get(workflowRunId)! + 1;
    last.set(workflowRunId, sequence);
    const text = `[${toText(payload) ?? "null"}]`;
    await session.write(insertRaw, [[workflowRunId, occurredAt.getTime(), causationId, text, eventType, sequence]]);
  }
  await session.write(countEvents, [...last]);
  if (events.length > 0) signal.hasEvents = true;
}

/** Events neither published nor dead, oldest first. */
export async function getUnpublished({ session }: Step, limit: number): Promise<OutboxRecord[]> {
  const rows = (await session.read(listLive, [[limit]])).map(readOutboxRow);
  const live = (await toRecords(session, rows)).filter((event) => event.publishedAt === null && event.dlqAt === null);
  return live.slice(0, limit);
}

/** Marks events published: whole rows at once where it can. */
export async function markEventsPublished({ session, now }: Step, ids: readonly string[]): Promise<void> {
  await lockFlusher(session);
  const byRow = Map.groupBy(ids, (id) => parseEventId(id)?.row ?? "");
  const wanted = [...byRow.keys()].filter((row) => /^\d+$/.test(row)).map(Number);
  const marks = await loadMarksOf(session, wanted);
  const isMarked = (row: OutboxRow): boolean =>
    Array.from({ length: row.count }, (_, i) => markKey(row.id, i)).some((key) => marks.has(key));
  const rows = (await readRows(session, wanted)).filter((row) => row.publishedAt === null || isMarked(row));
  const isWhole = (row: OutboxRow): boolean => new Set(byRow.get(String(row.id))).size === row.count && !isMarked(row);
  const whole = rows.filter(isWhole);
  if (whole.length > 0)
    await session.write(markPublished, [[await publicationTime(session, now), JSON.stringify(whole.map((row) => row.id))]]);
  const parts = rows.filter((row) => !whole.includes(row)).flatMap((row) => byRow.get(String(row.id))!);
  if (parts.length > 0) await markEach(session, parts, (mark) => ({ ...mark, publishedAt: mark.publishedAt ?? now }), now);
}

/** Counts a try of an event; answers the new count, 0 for an unknown one. */
export async function countTry({ session, now }: Step, id: string): Promise<number> {
  const [mark] = await markEach(session, [id], (mark) => ({ ...mark, tries: mark.tries + 1 }), now);
  return mark?.tries ?? 0;
}

/** Gives an event up. */
export async function giveUp({ session, now }: Step, id: string): Promise<void> {
  await markEach(session, [id], (mark) => ({ ...mark, deadAt: now }), now);
}

/** Makes up to `max` dead letters deliverable again, with fresh tries; answers how many. */
export async function replayDead({ session, now, signal }: Step, max: number): Promise<number> {
  const deliveries = await replayDeadDeliveries(session, max, now);
  const replayed = deliveries + (await reviveMarks(session, max - deliveries, now));
  if (replayed > 0) signal.hasEvents = true;
  return replayed;
}

/** Rows of the outbox by id, whichever of them are there. */
export async function readRows(session: Session, ids: readonly number[]): Promise<OutboxRow[]> {
  const rows = await session.read(
    loadOutbox,
    ids.map((id) => [id]),
  );
  return rows.map(readOutboxRow);
}

/** The events of rows as records. */
export async function toRecords(session: Session, rows: readonly OutboxRow[]): Promise<OutboxRecord[]> {
  const ids = rows.map((row) => row.id);
  const marks = await loadMarksOf(session, ids);
  return rows.flatMap((row) => eventsOf(row).map((stored, index) => toRecord(row, stored, marks.get(markKey(row.id, index)))));
}

function toRecord(row: OutboxRow, stored: StoredEvent, mark: EventMark | undefined): OutboxRecord {
  return {
    id: stored.id,
    workflowRunId: row.runId,
    sequence: stored.sequence,
    eventType: stored.type,
    payload: row.rawType === null ? toKernelEvent(stored) : payloadOf(row, stored),
    causationId: row.causationId,
    occurredAt: new Date(row.occurredAt),
    publishedAt: toDate(mark ? mark.publishedAt : row.publishedAt),
    retryCount: mark?.tries ?? 0,
    dlqAt: toDate(mark?.deadAt),
  };
}
