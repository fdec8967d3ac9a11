// Reading and marking outbox rows event by event: a row holds the events of one commit, and an event is what others count (P18).
import type { DraftEvent } from "../ports/event.ts";
import type { CreateOutboxEventInput } from "../ports/outbox.ts";
import type { StoredEvent } from "../ports/store.ts";
import { eventIdOf, parseEventId } from "../store/record-ids.ts";
import type { EventMark, MemoryTables, OutboxRow } from "./memory-tables.ts";
import { firstOf } from "./table.ts";

/** The consumer that dead letters of the CRUD port belong to: the sink as a whole. */
export const DEFAULT_CONSUMER = "sink";

/** One event of a row; its sequence is 0 while the row has none. */
export interface RowEvent {
  row: OutboxRow;
  index: number;
  stored: StoredEvent;
  publishedAt: number | null;
  mark: EventMark | undefined;
}

/** The events of a row, copies of their fields. */
export function eventsOf(row: OutboxRow): RowEvent[] {
  const drafts = row.raw ? [fieldsOfRaw(row.raw)] : (JSON.parse(row.events) as DraftEvent[]);
  return drafts.map(({ type, ...fields }, index) => {
    const mark = row.marks.get(index);
    const sequence = row.firstSequence === null ? 0 : row.firstSequence + index;
    const id = eventIdOf(String(row.id), index);
    const stored = { id, runId: row.runId, sequence, occurredAt: row.occurredAt, type, fields };
    return { row, index, stored, publishedAt: row.publishedAt ?? mark?.publishedAt ?? null, mark };
  });
}

function fieldsOfRaw(raw: NonNullable<OutboxRow["raw"]>): { type: string; [field: string]: unknown } {
  const payload = structuredClone(raw.payload);
  const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
  return { ...(isObject ? payload : { payload }), type: raw.type };
}

/** Gives a row its sequences, after the last one its run has. */
export function sequenceRow(tables: MemoryTables, row: OutboxRow): OutboxRow {
  if (row.firstSequence !== null) return row;
  const last = tables.sequences.get(row.runId)?.last ?? 0;
  const sequenced = { ...row, firstSequence: last + 1 };
  tables.outbox.set(String(row.id), sequenced);
  tables.sequences.set(row.runId, { last: last + row.count });
  return sequenced;
}

/** Changes the mark of one event; a row whose events all are published is published. Null when there is no such event. */
export function markEvent(tables: MemoryTables, eventId: string, now: number, change: (mark: EventMark) => EventMark): EventMark | null {
  const at = parseEventId(eventId);
  const row = at && tables.outbox.get(at.row);
  if (!at || !row || at.index >= row.count) return null;
  const mark = change(row.marks.get(at.index) ?? { publishedAt: row.publishedAt, tries: 0, deadAt: null });
  const marks = new Map(row.marks).set(at.index, mark);
  const isWhole = marks.size === row.count && [...marks.values()].every((mark) => mark.publishedAt !== null);
  tables.outbox.set(at.row, { ...row, marks, publishedAt: row.publishedAt ?? (isWhole ? now : null) });
  return mark;
}

/** Marks events published; whole rows at once where it can. */
export function markPublished(tables: MemoryTables, eventIds: readonly string[], now: number): void {
  const byRow = Map.groupBy(eventIds, (id) => parseEventId(id)?.row ?? "");
  for (const [rowId, ids] of byRow) {
    const found = tables.outbox.get(rowId);
    if (!found || found.publishedAt !== null) continue;
    const row = sequenceRow(tables, found);
    const isWhole = new Set(ids).size === row.count && row.marks.size === 0;
    if (isWhole) tables.outbox.set(rowId, { ...row, publishedAt: now });
    else for (const id of ids) markEvent(tables, id, now, (mark) => ({ ...mark, publishedAt: mark.publishedAt ?? now }));
  }
}

/** Appends events one row each, with their sequences: the CRUD port's caller holds the run (settled question 10). */
export function appendRawEvents(tables: MemoryTables, events: readonly CreateOutboxEventInput[]): void {
  for (const { workflowRunId, eventType, payload, causationId, occurredAt } of events) {
    const id = tables.nextOutboxId();
    const raw = { type: eventType, payload: structuredClone(payload) };
    const times = { occurredAt: occurredAt.getTime(), publishedAt: null, firstSequence: null };
    const row = { id, runId: workflowRunId, causationId, events: "[]", raw, count: 1, ...times, marks: new Map() };
    tables.outbox.set(String(id), row);
    sequenceRow(tables, row);
  }
}

/** Events neither published nor dead, oldest first. */
export function unpublishedEvents(tables: MemoryTables, limit: number): RowEvent[] {
  const rows = firstOf(tables.outbox.by("fresh", "yes").filter(hasLiveEvents), limit, (a, b) => a.id - b.id);
  return rows.flatMap((row) => eventsOf(sequenceRow(tables, row)).filter(isLive)).slice(0, limit);
}

/** True for a row with events neither published nor dead. */
export function hasLiveEvents(row: OutboxRow): boolean {
  if (row.publishedAt !== null) return false;
  if (row.marks.size < row.count) return true;
  return [...row.marks.values()].some((mark) => mark.publishedAt === null && mark.deadAt === null);
}

/** True for an event neither published nor dead. */
export function isLive(event: RowEvent): boolean {
  return event.publishedAt === null && event.mark?.deadAt == null;
}
