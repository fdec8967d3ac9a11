// The order of publications, for the feed of all events: events that are marked together share an instant, and each instant is later than
// the one before, whatever the clocks of the processes say, because they are given out one at a time.
import type { OutboxRecord } from "../ports/outbox.ts";
import type { EventFeed } from "../ports/reader.ts";
import { FEED_START, foreignCursor } from "../store/cursors.ts";
import type { Row } from "./client.ts";
import type { KeyRecord } from "./key-rows.ts";
import { keyModel, outboxModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

/** What holds for events, and not for the engine's own rows of the outbox. */
export const isEvent: Row = { NOT: { eventType: { startsWith: "job:" } } };

const clockId = "ai.publication";
const inOrder: Row[] = [{ publishedAt: "asc" }, { workflowRunId: "asc" }, { sequence: "asc" }];
const turnedAround: Row[] = [{ publishedAt: "desc" }, { workflowRunId: "desc" }, { sequence: "desc" }];

/** The instant of a publication: later than every one before, and nobody else is given one until this transaction has ended. */
export async function nextPublication(session: PrismaSession): Promise<Date> {
  const rows = new Rows<KeyRecord>(session, keyModel);
  const now = session.now();
  let clock = await rows.lock(clockId);
  if (!clock) {
    const first = { id: clockId, createdAt: now, key: clockId, commandType: clockId, result: { at: 0 } };
    await rows.createMissing([first]);
    clock = (await rows.lock(clockId))!;
  }
  const at = Math.max(now.getTime(), (clock.result as { at: number }).at + 1);
  await rows.change(clock, { result: { at } });
  return new Date(at);
}

/** Published events after a cursor, from the first one kept without; throws INVALID_COMMAND for a cursor that is none of ours. */
export async function readFeed(session: PrismaSession, after: string | undefined, limit: number): Promise<EventFeed> {
  const where = { AND: [{ publishedAt: { not: null } }, isEvent, ...behind(after)] };
  const events = await session.step((inner) => new Rows<OutboxRecord>(inner, outboxModel).list({ where, orderBy: inOrder, take: limit }));
  const items = events.map((event) => ({ ...event, cursor: cursorOf(event) }));
  return { items, cursor: items.at(-1)?.cursor ?? after ?? FEED_START };
}

/** The cursor behind everything published. */
export async function readFeedEnd(session: PrismaSession): Promise<string> {
  const where = { AND: [{ publishedAt: { not: null } }, isEvent] };
  const last = await session.step((inner) => new Rows<OutboxRecord>(inner, outboxModel).find(where, turnedAround));
  return last ? cursorOf(last) : FEED_START;
}

function cursorOf({ publishedAt, sequence, workflowRunId }: OutboxRecord): string {
  return `${publishedAt!.getTime()}.${sequence}.${workflowRunId}`;
}

function behind(cursor: string = FEED_START): Row[] {
  if (cursor === FEED_START) return [];
  const [, at, sequence, workflowRunId] = /^(\d{1,14})\.(\d{1,9})\.([^\0]+)$/s.exec(cursor) ?? [];
  if (workflowRunId === undefined || !cursor.isWellFormed()) throw foreignCursor(cursor);
  const publishedAt = new Date(Number(at));
  const later = { publishedAt: { gt: publishedAt } };
  const nextRun = { publishedAt, workflowRunId: { gt: workflowRunId } };
  return [{ OR: [later, nextRun, { publishedAt, workflowRunId, sequence: { gt: Number(sequence) } }] }];
}
