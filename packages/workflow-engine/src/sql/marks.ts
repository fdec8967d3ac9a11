// Marks of single events, as the CRUD port sets them: published, tried, given up. A row whose events are all published is published.
import { parseEventId } from "../store/record-ids.ts";
import type { Row, Session } from "./db.ts";
import { lockFlusher } from "./flusher-lease.ts";
import { type EventMark, type OutboxRow, readOutboxRow } from "./outbox-events.ts";
import { publicationTime } from "./publication-time.ts";
import { findMarks, listDeadMarks, loadMarks, saveMarks } from "./tables/deliveries.ts";
import { loadOutbox, markPublished } from "./tables/outbox.ts";

/** Where a mark is found. */
export function markKey(outboxId: number, index: number): string {
  return `${outboxId}.${index}`;
}

/** Marks of the events of rows; nothing is read per row while nothing is marked. */
export async function loadMarksOf(session: Session, outboxIds: readonly number[]): Promise<Map<string, EventMark>> {
  if (outboxIds.length === 0 || (await session.read(findMarks, [[]])).length === 0) return new Map();
  const rows = await session.read(
    loadMarks,
    outboxIds.map((id) => [id]),
  );
  return new Map(rows.map((row) => [markKey(row[0] as number, row[1] as number), readMark(row)]));
}

/** Changes the marks of events; unknown ones are skipped. Answers the marks as they now are. May publish: so it takes its turn with publishers. */
export async function markEach(
  session: Session,
  eventIds: readonly string[],
  change: (mark: EventMark) => EventMark,
  now: number,
): Promise<EventMark[]> {
  await lockFlusher(session);
  const at = eventIds.flatMap((id) => parseEventId(id) ?? []).filter(({ row }) => /^\d+$/.test(row));
  const ids = [...new Set(at.map(({ row }) => Number(row)))];
  const rows = new Map<number, OutboxRow>();
  for (const row of await session.read(
    loadOutbox,
    ids.map((id) => [id]),
  )) {
    rows.set(row[0] as number, readOutboxRow(row));
  }
  const marks = await loadMarksOf(session, ids);
  const changed: Array<{ row: OutboxRow; index: number; mark: EventMark }> = [];
  for (const { row: rowId, index } of at) {
    const row = rows.get(Number(rowId));
    if (!row || index >= row.count) continue;
    const key = markKey(row.id, index);
    const mark = change(marks.get(key) ?? { publishedAt: row.publishedAt, tries: 0, deadAt: null });
    marks.set(key, mark);
    changed.push({ row, index, mark });
  }
  await session.write(
    saveMarks,
    changed.map(({ row, index, mark }) => [row.id, index, mark.publishedAt, mark.tries, mark.deadAt]),
  );
  await publishWhole(session, [...rows.values()], marks, now);
  return changed.map(({ mark }) => mark);
}

/** Makes events given up deliverable again, the longest dead first; answers how many. */
export async function reviveMarks(session: Session, max: number, now: number): Promise<number> {
  await lockFlusher(session);
  const dead = await session.read(listDeadMarks, [[max]]);
  const ids = dead.map((row) => markKey(row[0] as number, row[1] as number));
  if (ids.length > 0) await markEach(session, ids, (mark) => ({ ...mark, tries: 0, deadAt: null }), now);
  return ids.length;
}

async function publishWhole(session: Session, rows: OutboxRow[], marks: ReadonlyMap<string, EventMark>, now: number): Promise<void> {
  const whole = rows.filter((row) => {
    const own = Array.from({ length: row.count }, (_, index) => marks.get(markKey(row.id, index)));
    return row.publishedAt === null && own.every((mark) => mark !== undefined && mark.publishedAt !== null);
  });
  if (whole.length > 0)
    await session.write(markPublished, [[await publicationTime(session, now), JSON.stringify(whole.map((row) => row.id))]]);
}

function readMark(row: Row): EventMark {
  return { publishedAt: row[2] as number | null, tries: row[3] as number, deadAt: row[4] as number | null };
}
