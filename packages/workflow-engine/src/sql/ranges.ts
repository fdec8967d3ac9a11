// The publisher's writes on PostgreSQL, where a publication is what a snapshot sees (see tables/publications.ts). Whoever calls has locked
// the lease of the outbox, in a statement before: a snapshot that waited for another publisher sees what that one has published (P18).
import { type Dialect, forOne } from "./dialect.ts";
import { columnsWith } from "./tables/outbox.ts";
import { isSeen, lastInstant, lastRange, oldTransaction, rangeColumns } from "./tables/publications.ts";

const nextInstant = (dialect: Dialect, now: string): string => `greatest(${now}, ${lastInstant(dialect)} + 1)`;

/**
 * Publishes everything that this statement sees, unless somebody has the lease, single events wait for somebody, a publisher has stopped
 * half-way, or the transactions are those of another server. Says which, and how many events it published.
 */
export const publishFresh = forOne("publish_fresh", { name: "text", now: "int" }, (p, dialect) => {
  const rows = (on: string): string =>
    `SELECT o.id, o.count FROM outbox o WHERE ${on} AND o.published_at IS NULL AND (SELECT is_free FROM head)`;
  const open = (when: string): string =>
    `ARRAY(SELECT x FROM last CROSS JOIN unnest(last.open) x WHERE x ${when} last.until_tx - ${oldTransaction})`;
  return `WITH last AS MATERIALIZED ${lastRange},
    state AS MATERIALIZED (SELECT (SELECT until FROM leases WHERE name = ${p.name}) AS until,
      EXISTS (SELECT 1 FROM event_marks) OR EXISTS (SELECT 1 FROM deliveries WHERE dead_at IS NULL) AS singly,
      last.last_id < last.top_id AS is_part, pg_snapshot_xmax(s)::text::bigint AS until_tx,
      ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s) x) AS open FROM last CROSS JOIN pg_current_snapshot() s),
    head AS MATERIALIZED (SELECT ${nextInstant(dialect, p.now)} AS at,
      state.until <= ${p.now} AND NOT singly AND NOT is_part AND state.until_tx >= last.until_tx AS is_free FROM state CROSS JOIN last),
    old AS (UPDATE outbox SET published_at = (SELECT at FROM head)
      WHERE tx = ANY (${open("<")}) AND published_at IS NULL AND (SELECT is_free FROM head) RETURNING count),
    fresh AS MATERIALIZED (SELECT min(id) AS first_id, max(id) AS last_id, sum(count) AS count FROM (
      ${rows("o.tx >= (SELECT until_tx FROM last)")} UNION ALL ${rows(`o.tx = ANY (${open(">=")})`)}) AS unread),
    made AS (INSERT INTO publications (${rangeColumns}) SELECT head.at, last.until_tx, last.open, state.until_tx, state.open, fresh.first_id, fresh.last_id, fresh.last_id
      FROM fresh CROSS JOIN head CROSS JOIN last CROSS JOIN state WHERE fresh.last_id IS NOT NULL)
    SELECT until, singly::int, (is_part OR state.until_tx < last.until_tx)::int, coalesce(fresh.count, 0) + (SELECT coalesce(sum(count), 0) FROM old)
      FROM state CROSS JOIN last CROSS JOIN fresh`;
});

/**
 * Publishes what a publisher took under a snapshot that it remembers; answers when, or nothing when somebody else has published since:
 * then its snapshot would go back behind that one's.
 */
export const insertRange = forOne(
  "insert_range",
  { now: "int", after_at: "int", is_rest: "int", until_tx: "int", open: "ints", first_id: "int", last_id: "int", top_id: "int" },
  (p, dialect) => {
    const either = (rest: string, fresh: string): string => `CASE WHEN ${p.is_rest} = 1 THEN ${rest} ELSE ${fresh} END`;
    return `INSERT INTO publications (${rangeColumns})
      SELECT ${nextInstant(dialect, p.now)}, ${either("l.after_tx", "l.until_tx")}, ${either("l.after_open", "l.open")}, ${p.until_tx}, ${p.open},
        ${p.first_id}, ${p.last_id}, ${p.top_id}
      FROM ${lastRange} l WHERE l.published_at = ${p.after_at} RETURNING published_at`;
  },
);

/** Publishes what a publisher left that stopped half-way: its lease has ended. Answers how many events. */
export const publishRest = forOne("publish_rest", { now: "int" }, (p, dialect) => {
  const isLeft = `${isSeen("o.tx", "l.until_tx", "l.open")} AND NOT ${isSeen("o.tx", "l.after_tx", "l.after_open")}`;
  const left = `SELECT min(o.id) AS first_id, max(o.id) AS last_id, sum(o.count) AS count FROM outbox o
    WHERE o.id > l.last_id AND o.id <= l.top_id AND ${isLeft} AND o.published_at IS NULL`;
  return `WITH rest AS MATERIALIZED (SELECT l.*, o.first_id AS from_id, o.last_id AS to_id, o.count FROM ${lastRange} l CROSS JOIN LATERAL (${left}) o
      WHERE l.last_id < l.top_id),
    made AS (INSERT INTO publications (${rangeColumns}) SELECT ${nextInstant(dialect, p.now)}, after_tx, after_open, until_tx, open, from_id, to_id, to_id
      FROM rest WHERE to_id IS NOT NULL)
    SELECT coalesce(sum(count), 0) FROM rest`;
});

/** Says that nothing is left of what the last publisher began. */
export const closeRange = forOne("close_range", {}, () => {
  return `UPDATE publications SET top_id = last_id WHERE published_at = (SELECT l.published_at FROM ${lastRange} l) AND last_id < top_id`;
});

/** Deletes publications of which no row is left, of the oldest; the last one says where to go on. */
export const deleteRanges = forOne("delete_ranges", { before: "int", max: "limit" }, (p) => {
  const oldest = `SELECT p.published_at FROM publications p WHERE p.published_at < ${p.before} ORDER BY p.published_at LIMIT ${p.max}`;
  const isEmpty = (on: string): string => `NOT EXISTS (SELECT 1 FROM outbox o WHERE ${on})`;
  return `DELETE FROM publications WHERE publications.published_at = ANY (ARRAY(${oldest}))
    AND publications.published_at < (SELECT l.published_at FROM ${lastRange} l)
    AND ${isEmpty("o.tx >= publications.after_tx AND o.tx < publications.until_tx")} AND ${isEmpty("o.tx = ANY (publications.after_open)")}`;
});

/** Rows of transactions that were open for long say themselves when they are published, also where a publication does. */
export const markOld = forOne("mark_old", { at: "int", ids: "ints" }, (p, dialect) => {
  return `UPDATE outbox SET published_at = ${p.at} WHERE ${dialect.isFoundIn("id", p.ids)} AND published_at IS NULL`;
});

/** When the last of some publications was, from an instant on, and how many there are. */
export const findRanges = forOne("find_ranges", { at: "int", ranges: "limit" }, (p) => {
  return `SELECT coalesce(max(published_at), 0), count(*) FROM (${rangesFrom(p.at, p.ranges)}) p`;
});

/** Rows from a place on, in the order of their publications: of some publications, and those before the end of these that say so themselves. */
export const listByPublication = forOne("list_by_publication", { at: "int", row: "int", ranges: "limit", max: "limit" }, (p) => {
  const ofRange = `o.id >= greatest(p.first_id, CASE WHEN p.published_at = ${p.at} THEN ${p.row} ELSE 0 END) AND o.id <= p.last_id
    AND ${isSeen("o.tx", "p.until_tx", "p.open")} AND NOT ${isSeen("o.tx", "p.after_tx", "p.after_open")} AND o.published_at IS NULL`;
  const end = `(SELECT CASE WHEN count(*) = ${p.ranges} THEN max(published_at) END FROM ranges)`;
  return `WITH ranges AS MATERIALIZED (${rangesFrom(p.at, p.ranges)})
    SELECT * FROM (
      (SELECT ${columnsWith("o.published_at AS at")} FROM outbox o WHERE o.published_at IS NOT NULL AND o.published_at >= ${p.at}
        AND (o.published_at > ${p.at} OR o.id >= ${p.row}) AND o.published_at <= coalesce(${end}, o.published_at)
        ORDER BY o.published_at, o.id LIMIT ${p.max})
      UNION ALL
      (SELECT ${columnsWith("p.published_at AS at")} FROM ranges p
        CROSS JOIN LATERAL (SELECT o.* FROM outbox o WHERE ${ofRange} ORDER BY o.id LIMIT ${p.max}) o)
    ) AS feed ORDER BY at, id LIMIT ${p.max}`;
});

/** The last row of the last publication. */
export const findLastByPublication = forOne("find_last_by_publication", {}, () => {
  return `SELECT * FROM (
      (SELECT o.id, o.count, o.published_at AS at FROM outbox o WHERE o.published_at IS NOT NULL ORDER BY o.published_at DESC, o.id DESC LIMIT 1)
      UNION ALL
      SELECT l.last_id, coalesce((SELECT o.count FROM outbox o WHERE o.id = l.last_id), 1), l.published_at FROM ${lastRange} l WHERE l.last_id > 0
    ) AS last ORDER BY at DESC, id DESC LIMIT 1`;
});

function rangesFrom(at: string, max: string): string {
  return `SELECT * FROM publications WHERE published_at >= ${at} ORDER BY published_at LIMIT ${max}`;
}
