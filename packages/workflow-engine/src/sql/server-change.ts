// Transactions are counted by a server, so after a dump and a restore the numbers in the tables are those of another one. Where the new
// server's counter is behind, its transactions would look as if they had been seen long ago. Then each published row says so itself from
// now on, none names a transaction, and publications begin anew (P18).
import type { Session } from "./db.ts";
import { forOne } from "./dialect.ts";
import { lockFlusher } from "./flusher-lease.ts";
import { isPublished, lastInstant, lastRange, publishedAt, rangeColumns } from "./tables/publications.ts";

const findAhead = forOne("find_range_ahead", {}, () => {
  return `SELECT 1 FROM ${lastRange} l WHERE l.until_tx > pg_snapshot_xmax(pg_current_snapshot())::text::bigint`;
});

const forgetTransactions = forOne("forget_transactions", {}, (_, dialect) => {
  const at = `coalesce(${publishedAt(dialect)}, ${lastInstant(dialect)})`;
  return `UPDATE outbox AS o SET tx = 0, published_at = CASE WHEN ${isPublished(dialect)} THEN ${at} END`;
});

const beginAnew = forOne("begin_ranges_anew", {}, () => {
  return `WITH gone AS (DELETE FROM publications RETURNING published_at)
    INSERT INTO publications (${rangeColumns})
    SELECT max(published_at) + 1, 0, '{}', 0, '{}', 0, 0, 0 FROM gone`;
});

/** Makes sure that the transactions which the outbox names are those of this server; true when they were not. */
export async function followServer(session: Session): Promise<boolean> {
  if ((await session.read(findAhead, [[]])).length === 0) return false;
  await lockFlusher(session);
  if ((await session.read(findAhead, [[]])).length === 0) return false;
  await session.write(forgetTransactions, [[]]);
  await session.write(beginAnew, [[]]);
  return true;
}
