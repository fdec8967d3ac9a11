// What is published, said for many rows at once. On SQLite ids become visible in their order: everything up to an id is. On PostgreSQL
// they do not: A takes id 1, B takes id 2 and commits, a publisher looks, A commits. So a row of the outbox names its transaction (`tx`),
// and a publication is what a snapshot sees: what transactions below `until_tx` have written, but for those that were `open`, less what
// the publication before it saw (`after_tx`, `after_open`). Rollbacks leave nothing to wait for, and a transaction that stays open for
// hours is one number to look for (https://www.postgresql.org/docs/18/functions-info.html, pg_snapshot). A publisher that takes a
// part of what its snapshot sees goes by id: the part reaches from `first_id` to `last_id`, and there is more up to `top_id`.
import { type Dialect, forOne } from "../dialect.ts";

/** Transactions that are this much older than a snapshot's end: their rows say themselves when they are published, so that a publication is narrow. */
export const oldTransaction = 1_000;

/** Columns of a publication on PostgreSQL. */
export const rangeColumns = "published_at, after_tx, after_open, until_tx, open, first_id, last_id, top_id";

/** The last publication of PostgreSQL; one of nothing before the first. */
export const lastRange = `(SELECT * FROM (SELECT ${rangeColumns} FROM publications ORDER BY published_at DESC LIMIT 1) p
    UNION ALL SELECT 0, 0, '{}', 0, '{}', 0, 0, 0 ORDER BY published_at DESC LIMIT 1)`;

const lastId = "(SELECT coalesce(max(last_id), 0) FROM publications)";

/** True for a transaction that a snapshot sees. */
export function isSeen(tx: string, until: string, open: string): string {
  return `(${tx} < ${until} AND NOT (${tx} = ANY (${open})))`;
}

/** When row `o` was published; null for one that is not. */
export function publishedAt({ commitsInOrder }: Dialect): string {
  const covers = commitsInOrder ? "p.last_id >= o.id" : `p.until_tx > o.tx AND NOT (o.tx = ANY (p.open)) AND p.last_id >= o.id`;
  const order = commitsInOrder ? "p.last_id" : "p.until_tx, p.published_at";
  return `coalesce(o.published_at, (SELECT p.published_at FROM publications p WHERE ${covers} ORDER BY ${order} LIMIT 1))`;
}

/** True for rows `o` that are published, but for single events of them. */
export function isPublished({ commitsInOrder }: Dialect): string {
  if (commitsInOrder) return `(o.published_at IS NOT NULL OR o.id <= ${lastId})`;
  return `(o.published_at IS NOT NULL OR EXISTS (SELECT 1 FROM ${lastRange} l WHERE ${isSeen("o.tx", "l.until_tx", "l.open")}
    AND (o.id <= l.last_id OR l.last_id >= l.top_id OR ${isSeen("o.tx", "l.after_tx", "l.after_open")})))`;
}

/**
 * Unpublished rows `o`, to stand behind FROM and before AND: all of them, or those that a publisher is to take now, which ends what another
 * has begun before it takes a snapshot of its own. With `max` no more than the first of those are looked at that were begun.
 */
export function unread(dialect: Dialect, wanted: "take" | "all", max?: string): string {
  if (dialect.commitsInOrder) return `outbox o WHERE o.id > ${lastId} AND o.published_at IS NULL`;
  const isFree = "o.published_at IS NULL";
  const isEnded = wanted === "all" ? "true" : "l.last_id >= l.top_id";
  const isLeft = `${isSeen("o.tx", "l.until_tx", "l.open")} AND NOT ${isSeen("o.tx", "l.after_tx", "l.after_open")}`;
  const first = max === undefined ? "" : `ORDER BY o.id LIMIT ${max}`;
  const join = (on: string): string => `SELECT o.* FROM ${lastRange} l ${dialect.thenJoin("outbox o", "*", on)}`;
  return `(${join(`o.tx >= l.until_tx AND ${isFree}`)} WHERE ${isEnded}
    UNION ALL ${join(`o.tx = ANY (l.open) AND ${isFree}`)} WHERE ${isEnded}
    UNION ALL ${join(`o.id > l.last_id AND o.id <= l.top_id AND ${isLeft} AND ${isFree} ${first}`)} WHERE l.last_id < l.top_id) AS o WHERE true`;
}

/** When rows were last published, 0 before the first time. */
export function lastInstant({ commitsInOrder }: Dialect): string {
  if (commitsInOrder) return `coalesce((SELECT p.published_at FROM publications p WHERE p.last_id = ${lastId}), 0)`;
  return `greatest((SELECT l.published_at FROM ${lastRange} l),
    coalesce((SELECT o.published_at FROM outbox o WHERE o.published_at IS NOT NULL ORDER BY o.published_at DESC LIMIT 1), 0))`;
}

/** As JSON, what a publisher has to know to say later that it published what it took: the last publication, and what this statement sees. */
export function whatIsSeen(): string {
  return `(SELECT json_build_object('at', l.published_at, 'isRest', l.last_id < l.top_id,
      'from', CASE WHEN l.last_id < l.top_id THEN l.after_tx ELSE l.until_tx END, 'until', l.until_tx, 'open', l.open, 'top', l.top_id,
      'seenUntil', pg_snapshot_xmax(s)::text::bigint, 'seenOpen', ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s) x),
      'newest', (SELECT max(id) FROM outbox))::text FROM ${lastRange} l CROSS JOIN pg_current_snapshot() s)`;
}

/** When rows were last published, 0 before the first time. */
export const lastPublishedAt = forOne("last_published_at", {}, (_, dialect) => `SELECT ${lastInstant(dialect)}`);

const isSingly = "(EXISTS (SELECT 1 FROM event_marks) OR EXISTS (SELECT 1 FROM deliveries WHERE dead_at IS NULL))";

/** Whether somebody has the lease, whether single events wait for somebody, and how many events are unpublished. */
export const findFresh = forOne("find_fresh", { name: "text", now: "int" }, (p, dialect) => {
  return `SELECT ${isHeld(p.name, p.now)}, ${isSingly}, (SELECT coalesce(sum(o.count), 0) FROM ${unread(dialect, "all")})`;
});

/** Says that all of them are published, where ids are the order; nothing where one of the two is so. */
export const publishInOrder = forOne("publish_in_order", { name: "text", now: "int" }, (p, dialect) => {
  return `INSERT INTO publications (last_id, published_at) SELECT max(o.id), ${p.now} FROM ${unread(dialect, "all")}
    AND NOT ${isHeld(p.name, p.now)} AND NOT ${isSingly} HAVING max(o.id) IS NOT NULL`;
});

function isHeld(name: string, now: string): string {
  return `EXISTS (SELECT 1 FROM leases WHERE name = ${name} AND until > ${now})`;
}

/** Says that everything up to a row is published, where ids are the order. */
export const insertPublication = forOne("insert_publication", { last_id: "int", now: "int" }, (p) => {
  return `INSERT INTO publications (last_id, published_at) VALUES (${p.last_id}, ${p.now})`;
});

/** Deletes publications of which no row is left; the last one says where to go on. */
export const deletePublications = forOne("delete_publications", {}, () => {
  return `DELETE FROM publications WHERE last_id < ${lastId} AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id <= publications.last_id)`;
});
