// Publishes what nobody reads: a kernel without consumers has its events numbered and timed, and no process fetches them (P18). Where ids
// are in the order of commits one row says it all; on PostgreSQL each row does, written where it is found.
import type { Batch } from "./batch.ts";
import type { Session } from "./db.ts";
import { forOne } from "./dialect.ts";
import { FLUSHER, lockFlusher } from "./flusher-lease.ts";
import { findAlive, findMarks } from "./tables/deliveries.ts";
import { loadLease } from "./tables/instances.ts";
import { insertPublication, lastPublishedAt, sumUnpublished } from "./tables/outbox.ts";

/** Rows that one statement publishes at most. */
const mostRows = 10_000;

/**
 * Publishes rows later than everything published before, unless somebody has the lease or single events wait for somebody. Says which, and
 * whether the lease has a row.
 */
const publishFresh = forOne("publish_fresh", { name: "text", now: "int", max: "limit" }, (p, dialect) => {
  const last = lastPublishedAt.render(dialect);
  return `WITH state AS (SELECT (SELECT until FROM leases WHERE name = ${p.name}) AS until,
      EXISTS (SELECT 1 FROM event_marks) OR EXISTS (SELECT 1 FROM deliveries WHERE dead_at IS NULL) AS singly),
    fresh AS (SELECT o.ctid AS place FROM outbox o
      WHERE o.published_at IS NULL AND (SELECT until <= ${p.now} AND NOT singly FROM state) ORDER BY o.id LIMIT ${p.max}),
    published AS (UPDATE outbox SET published_at = greatest(${p.now}, coalesce((${last}), 0) + 1)
      WHERE ctid = ANY (ARRAY(SELECT place FROM fresh)) RETURNING count)
    SELECT until, singly::int, (SELECT coalesce(sum(count), 0) FROM published) FROM state`;
});

/** Publishes everything unread; null where rows have to be looked at. */
export async function publishUnread({ session, now }: Batch): Promise<number | null> {
  if (!session.dialect.commitsInOrder) return publishRows(session, now);
  if (now < (await lockFlusher(session)).until) return 0;
  const isWaiting = (await session.read(findMarks, [[]])).length > 0 || (await session.read(findAlive, [[]])).length > 0;
  if (isWaiting) return null;
  const [row] = await session.read(sumUnpublished, [[]]);
  const [lastId, count] = row ?? [null, 0];
  if (lastId !== null) await session.write(insertPublication, [[lastId!, now]]);
  return Number(count);
}

async function publishRows(session: Session, now: number): Promise<number | null> {
  // a statement of its own, on the same trip: whoever waits here for another publisher sees afterwards what that one has published
  await session.send(loadLease, [[FLUSHER]]);
  const parameters = [[FLUSHER, now, mostRows]];
  let [row] = await (session.readLast?.(publishFresh, parameters) ?? session.read(publishFresh, parameters));
  let all = 0;
  for (; ; [row] = await session.read(publishFresh, parameters)) {
    const [until, singly, count] = row as [number | null, number, number];
    if (singly) return null;
    all += count;
    // a row has an event at least
    if (until !== null && count < mostRows) return all;
    await lockFlusher(session);
  }
}
