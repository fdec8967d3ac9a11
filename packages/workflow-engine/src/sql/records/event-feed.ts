// The events of all runs in one order in which nothing is ever published before a cursor that was given out. Where ids are in the order of
// commits it is theirs, up to the first row that has an event on its way; elsewhere it is that of the publications, whose instants grow.
import type { EventFeed } from "../../ports/reader.ts";
import { placeOfEvent } from "../../store/cursors.ts";
import { eventIdOf } from "../../store/record-ids.ts";
import type { Row, Session } from "../db.ts";
import { forOne } from "../dialect.ts";
import { readOutboxRow } from "../outbox-events.ts";
import { findLastByPublication, findRanges, listByPublication } from "../ranges.ts";
import { firstUnsettled, outboxColumns } from "../tables/outbox.ts";
import { toRecords } from "./outbox-records.ts";

const AFTER_ALL = Number.MAX_SAFE_INTEGER;
/** Publications that are looked at first. */
const FIRST_RANGES = 4;

/** A place: `at` is 0 where ids are the order. */
interface Place {
  at: number;
  row: number;
  index: number;
}

const listById = forOne("list_feed", { from: "int", before: "int", max: "limit" }, (p, dialect) => {
  return `SELECT ${outboxColumns(dialect)} FROM outbox o WHERE o.id >= ${p.from} AND o.id < ${p.before} ORDER BY o.id LIMIT ${p.max}`;
});

const findLastById = forOne("find_feed_end", { before: "int" }, (p) => {
  return `SELECT o.id, o.count, 0 FROM outbox o WHERE o.id < ${p.before} ORDER BY o.id DESC LIMIT 1`;
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
  const [last] = isInOrder ? await session.read(findLastById, [[await endOf(session)]]) : await session.read(findLastByPublication, [[]]);
  return last ? cursorOf({ at: Number(last[2]), row: Number(last[0]), index: Number(last[1]) - 1 }) : cursorOf(placeOf(undefined));
}

async function listRows(session: Session, { at, row }: Place, max: number): Promise<Row[]> {
  if (session.dialect.commitsInOrder) return session.read(listById, [[row, await endOf(session), max]]);
  const rows: Row[] = [];
  // of how many publications a page is made is not known: the next look is at twice as many
  for (let from = { at, row }, ranges = FIRST_RANGES; ; ranges *= 2) {
    const wanted = max - rows.length;
    const [found, [end]] = await Promise.all([
      session.read(listByPublication, [[from.at, from.row, ranges, wanted]]),
      session.read(findRanges, [[from.at, ranges]]),
    ]);
    rows.push(...found);
    if (found.length === wanted || Number(end![1]) < ranges) return rows;
    from = { at: Number(end![0]) + 1, row: 0 };
  }
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
