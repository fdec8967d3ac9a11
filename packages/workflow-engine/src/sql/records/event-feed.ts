// The events of all runs in one order, that of their rows. It ends before the first row that has an event on its way, so that nothing is
// ever published before a cursor that was given out.
import type { EventFeed } from "../../ports/reader.ts";
import { FEED_START } from "../../store/cursors.ts";
import { eventIdOf } from "../../store/record-ids.ts";
import type { Session } from "../db.ts";
import { forOne } from "../dialect.ts";
import { readOutboxRow } from "../outbox-events.ts";
import { firstUnsettled, outboxColumns } from "../tables/outbox.ts";
import { toRecords } from "./outbox-records.ts";

const AFTER_ALL = Number.MAX_SAFE_INTEGER;

const listFeed = forOne("list_feed", { from: "int", before: "int", max: "int" }, (p) => {
  return `SELECT ${outboxColumns} FROM outbox o WHERE o.id >= ${p.from} AND o.id < ${p.before} ORDER BY o.id LIMIT ${p.max}`;
});

const findFeedEnd = forOne("find_feed_end", { before: "int" }, (p) => {
  return `SELECT o.id, o.count FROM outbox o WHERE o.id < ${p.before} ORDER BY o.id DESC LIMIT 1`;
});

/** Published events after a place. */
export async function readFeed(session: Session, from: { row: number; index: number }, limit: number): Promise<EventFeed> {
  // of the first row all events may be at or before the place
  const rows = (await session.read(listFeed, [[from.row, await endOf(session), limit + 1]])).map(readOutboxRow);
  const places = new Map(rows.map((row) => [String(row.id), row.id]));
  const isLater = (id: string): boolean => {
    const at = id.lastIndexOf(".");
    return places.get(id.slice(0, at))! > from.row || Number(id.slice(at + 1)) > from.index;
  };
  const events = (await toRecords(session, rows)).filter((event) => event.publishedAt !== null && isLater(event.id));
  const items = events.slice(0, limit).map((event) => ({ ...event, cursor: event.id }));
  return { items, cursor: items.at(-1)?.id ?? eventIdOf(String(from.row), from.index) };
}

/** The place behind everything published. */
export async function readFeedEnd(session: Session): Promise<string> {
  const [last] = await session.read(findFeedEnd, [[await endOf(session)]]);
  return last ? eventIdOf(String(last[0]), Number(last[1]) - 1) : FEED_START;
}

async function endOf(session: Session): Promise<number> {
  const [first] = await session.read(firstUnsettled, [[]]);
  return first ? Number(first[0]) : AFTER_ALL;
}
