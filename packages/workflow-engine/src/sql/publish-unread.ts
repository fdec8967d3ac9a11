// Publishes what nobody reads: a kernel without consumers has its events numbered and timed, and no process fetches them (P18). Where ids
// are in the order of commits one row says it all; on PostgreSQL each row does, written where it is found.
import type { Batch } from "./batch.ts";
import { forOne } from "./dialect.ts";
import { lockFlusher } from "./flusher-lease.ts";
import { findAlive, findMarks } from "./tables/deliveries.ts";
import { insertPublication, lastPublishedAt, sumUnpublished } from "./tables/outbox.ts";

/** Rows that one statement publishes at most. */
const mostRows = 10_000;

/** Publishes rows later than everything published before, unless single events wait for somebody. */
const publishFresh = forOne("publish_fresh", { now: "int", max: "limit" }, (p, dialect) => {
  const last = lastPublishedAt.render(dialect);
  return `WITH waits AS (SELECT EXISTS (SELECT 1 FROM event_marks) OR EXISTS (SELECT 1 FROM deliveries WHERE dead_at IS NULL) AS singly),
    fresh AS (SELECT o.ctid AS place FROM outbox o WHERE o.published_at IS NULL AND NOT (SELECT singly FROM waits)
      ORDER BY o.id LIMIT ${p.max}),
    published AS (UPDATE outbox SET published_at = greatest(${p.now}, coalesce((${last}), 0) + 1)
      WHERE ctid = ANY (ARRAY(SELECT place FROM fresh)) RETURNING count)
    SELECT singly::int, (SELECT coalesce(sum(count), 0) FROM published) FROM waits`;
});

/** Publishes everything unread; null where rows have to be looked at. */
export async function publishUnread({ session, now }: Batch): Promise<number | null> {
  // whoever waits here for another publisher sees afterwards what that one has published
  if (now < (await lockFlusher(session)).until) return 0;
  if (!session.dialect.commitsInOrder) {
    for (let all = 0; ; ) {
      const [row] = await session.read(publishFresh, [[now, mostRows]]);
      const [singly, count] = row as [number, number];
      if (singly) return null;
      all += count;
      // a row has an event at least
      if (count < mostRows) return all;
    }
  }
  const isWaiting = (await session.read(findMarks, [[]])).length > 0 || (await session.read(findAlive, [[]])).length > 0;
  if (isWaiting) return null;
  const [row] = await session.read(sumUnpublished, [[]]);
  const [lastId, count] = row ?? [null, 0];
  if (lastId !== null) await session.write(insertPublication, [[lastId!, now]]);
  return Number(count);
}
