// The events of all runs in one order in which nothing is ever published before a cursor that was given out. Where ids are in the order of
// commits it is theirs, up to the first row that has an event on its way; elsewhere it is that of the publications, whose instants grow.
import type { EventFeed } from "../../ports/reader.ts";
import { placeOfEvent } from "../../store/cursors.ts";
import { eventIdOf } from "../../store/record-ids.ts";
import type { Row, Session } from "../db.ts";
import { forOne } from "../dialect.ts";
import { readOutboxRow } from "../outbox-events.ts";
import { firstUnsettled, outboxColumns } from "../tables/outbox.ts";
import { toRecords } from "./outbox-records.ts";

const AFTER_ALL = Number.MAX_SAFE_INTEGER;

/** A place: `at` is 0 where ids are the order. */
interface Place {
  at: number;
  row: number;
  index: number;
}

const listById = forOne("list_feed", { from: "int", before: "int", max: "limit" }, (p) => {
  return `SELECT ${outboxColumns} FROM outbox o WHERE o.id >= ${p.from} AND o.id < ${p.before} ORDER BY o.id LIMIT ${p.max}`;
});

const listByTime = forOne("list_publications", { at: "int", row: "int", max: "limit" }, (p) => {
  return `SELECT ${outboxColumns} FROM outbox o WHERE o.published_at IS NOT NULL AND o.published_at >= ${p.at}
    AND (o.published_at > ${p.at} OR o.id >= ${p.row}) ORDER BY o.published_at, o.id LIMIT ${p.max}`;
});

const findLastById = forOne("find_feed_end", { before: "int" }, (p) => {
  return `SELECT o.id, o.count, 0 FROM outbox o WHERE o.id < ${p.before} ORDER BY o.id DESC LIMIT 1`;
});

const findLastByTime = forOne("find_last_publication", {}, () => {
  return `SELECT o.id, o.count, o.published_at FROM outbox o WHERE o.published_at IS NOT NULL ORDER BY o.published_at DESC, o.id DESC LIMIT 1`;
});

/** Published events after a cursor, from the first one kept without; throws INVALID_COMMAND for a cursor that is none of ours. */
export async function readFeed(session: Session, after: string | undefined, limit: number): Promise<EventFeed> {
  const from = placeOf(after);
  // of the first row all events may be at or before the place
  const rows = (await listRows(session, from, limit + 1)).map(readOutboxRow);
  const isInOrder = session.dialect.commitsInOrder;
  const items = rows.length === 0 ? [] : await toRecords(session, rows);
  const byRow = new Map(rows.map((row) => [String(row.id), row]));
  const events = items.flatMap((event) => {
    const end = event.id.lastIndexOf(".");
    const row = byRow.get(event.id.slice(0, end))!;
    const place = { at: isInOrder ? 0 : row.publishedAt!, row: row.id, index: Number(event.id.slice(end + 1)) };
    return event.publishedAt !== null && isAfter(place, from) ? [{ ...event, cursor: cursorOf(place) }] : [];
  });
  const page = events.slice(0, limit);
  return { items: page, cursor: page.at(-1)?.cursor ?? cursorOf(from) };
}

/** The cursor behind everything published. */
export async function readFeedEnd(session: Session): Promise<string> {
  const isInOrder = session.dialect.commitsInOrder;
  const [last] = isInOrder ? await session.read(findLastById, [[await endOf(session)]]) : await session.read(findLastByTime, [[]]);
  return last ? cursorOf({ at: Number(last[2]), row: Number(last[0]), index: Number(last[1]) - 1 }) : cursorOf(placeOf(undefined));
}

async function listRows(session: Session, { at, row }: Place, max: number): Promise<Row[]> {
  if (session.dialect.commitsInOrder) return session.read(listById, [[row, await endOf(session), max]]);
  return session.read(listByTime, [[at, row, max]]);
}

async function endOf(session: Session): Promise<number> {
  const [first] = await session.read(firstUnsettled, [[]]);
  return first ? Number(first[0]) : AFTER_ALL;
}

function placeOf(cursor: string | undefined): Place {
  const [, at, rest] = /^(\d{1,15})\.(\d+\.\d+)$/.exec(cursor ?? "") ?? [];
  return { at: Number(at ?? 0), ...placeOfEvent(rest ?? cursor) };
}

function cursorOf({ at, row, index }: Place): string {
  const event = eventIdOf(String(row), index);
  return at === 0 ? event : `${at}.${event}`;
}

function isAfter(a: Place, b: Place): boolean {
  return a.at !== b.at ? a.at > b.at : a.row !== b.row ? a.row > b.row : a.index > b.index;
}
