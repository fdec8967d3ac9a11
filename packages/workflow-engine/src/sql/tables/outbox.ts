// Events on their way out: one row a run and commit. Sequences count the events of a run and are given under its lock, so that they
// are in the order of the commits and no reader's cursor skips one. Rows stay until retention. That they are published a row of
// `publications` says, for many at once (see publications.ts); what is published out of order, each row says itself. What an event's own
// mark says goes before both.
import { type Dialect, forOne, forRows } from "../dialect.ts";
import { isPublished, publishedAt, unread, whatIsSeen } from "./publications.ts";

/** Appends the events of one run and commit. */
export const insertOutbox = forRows(
  "insert_outbox",
  { run_id: "text", occurred_at: "instant", events: "text", count: "int", first_sequence: "int" },
  (_, { insert }) => insert("outbox"),
);

/** Columns of a row of the outbox, as `readOutboxRow` expects them. */
export function outboxColumns(dialect: Dialect): string {
  return columnsWith(publishedAt(dialect));
}

/** The same where it is known when a row was published. */
export function columnsWith(at: string): string {
  return `o.id, o.run_id, o.occurred_at, o.causation_id, o.events, o.raw_type, o.count, o.first_sequence, ${at}`;
}

/** Unpublished rows that a publisher is to take, oldest first, while no event has a mark. */
export const listUnpublished = forOne("list_unpublished", { max: "limit" }, (p, dialect) => {
  return `SELECT ${columnsWith("NULL")}${taking(dialect)} FROM ${unread(dialect, "take", p.max)} ORDER BY o.id LIMIT ${p.max}`;
});

const isLive = "m.published_at IS NULL AND m.dead_at IS NULL";

const live = (dialect: Dialect, max: string, wanted: "take" | "all"): string => {
  return `SELECT * FROM (
      SELECT ${outboxColumns(dialect)} AS published${taking(dialect)} FROM outbox o WHERE o.id IN (SELECT m.outbox_id FROM event_marks m WHERE ${isLive}) AND ${isPublished(dialect)}
      UNION ALL
      SELECT * FROM (SELECT ${columnsWith("o.published_at")}${taking(dialect)} FROM ${unread(dialect, wanted)}
        AND o.count > (SELECT count(*) FROM event_marks m WHERE m.outbox_id = o.id AND NOT (${isLive})) ORDER BY o.id LIMIT ${max}) AS fresh
    ) AS live ORDER BY 1 LIMIT ${max}`;
};

/** Rows that have an event which is neither published nor given up, oldest first; one that is published itself may have one that was revived. */
export const listLive = forOne("list_live", { max: "limit" }, (p, dialect) => live(dialect, p.max, "all"));

/** The same for a publisher, which goes on where the last one stopped. */
export const listLiveToTake = forOne("list_live_to_take", { max: "limit" }, (p, dialect) => live(dialect, p.max, "take"));

/** The first row that has an event neither published nor given up. */
export const firstUnsettled = forOne("first_unsettled", {}, (_, dialect) => {
  const isSettled = "(m.published_at IS NOT NULL OR m.dead_at IS NOT NULL)";
  return `SELECT o.id FROM ${unread(dialect, "all")}
    AND o.count > (SELECT count(*) FROM event_marks m WHERE m.outbox_id = o.id AND ${isSettled}) ORDER BY o.id LIMIT 1`;
});

/** Rows by id. */
export const loadOutbox = forRows("load_outbox", { id: "int" }, (u, { join, dialect }) => {
  return `SELECT ${outboxColumns(dialect)} FROM ${join} outbox o WHERE o.id = ${u.id}`;
});

/** The last sequence of a run that has no row, as other systems' events have none. */
export const loadLastSequence = forOne("load_last_sequence", { run_id: "text" }, (p) => {
  return `SELECT coalesce((SELECT o.first_sequence + o.count - 1 FROM outbox o WHERE o.run_id = ${p.run_id} ORDER BY o.id DESC LIMIT 1), 0)`;
});

/** Marks rows published one by one. */
export const markPublished = forOne("mark_published", { now: "int", ids: "ints" }, (p, dialect) => {
  return `UPDATE outbox AS o SET published_at = ${p.now} WHERE ${dialect.isFoundIn("o.id", p.ids)} AND NOT ${isPublished(dialect)}`;
});

/** The first row from an id on, with when it happened. */
export const findRowFrom = forOne("find_row_from", { id: "int" }, (p) => {
  return `SELECT o.id, o.occurred_at FROM outbox o WHERE o.id >= ${p.id} ORDER BY o.id LIMIT 1`;
});

/** The greatest id; null in an empty outbox. */
export const findLastRow = forOne("find_last_row", {}, () => "SELECT max(id) FROM outbox");

/** Rows up to an id that were published before an instant, that no delivery names and of which no event waits or has been given up. */
export const listOldPublished = forOne("list_old_published", { last_id: "int", before: "int", max: "limit" }, (p, dialect) => {
  return `SELECT o.id, o.count FROM outbox o
    WHERE o.id <= ${p.last_id} AND ${publishedAt(dialect)} < ${p.before}
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.outbox_id = o.id)
      AND NOT EXISTS (SELECT 1 FROM event_marks m WHERE m.outbox_id = o.id AND m.published_at IS NULL) ORDER BY o.id LIMIT ${p.max}`;
});

/** Rows of which events have been given up, the last of them before an instant, and no other is on its way. */
export const listOldDeadRows = forOne("list_old_dead_rows", { before: "int", max: "limit" }, (p, dialect) => {
  return `SELECT m.outbox_id FROM event_marks m CROSS JOIN outbox o WHERE o.id = m.outbox_id GROUP BY m.outbox_id, o.count, o.id, o.published_at
    HAVING count(m.dead_at) > 0 AND count(CASE WHEN m.published_at IS NULL AND coalesce(m.dead_at, ${p.before}) >= ${p.before} THEN 1 END) = 0
      AND (count(*) = o.count OR ${publishedAt(dialect)} IS NOT NULL) LIMIT ${p.max}`;
});

/** Deletes rows. */
export const deleteOutbox = forRows(
  "delete_outbox",
  { id: "int" },
  (u, { using }) => `DELETE FROM outbox ${using} WHERE outbox.id = ${u.id}`,
);

/** What a publisher has to know beside a row: its transaction, and what the statement sees. */
function taking(dialect: Dialect): string {
  return dialect.commitsInOrder ? "" : `, o.tx, ${whatIsSeen()} AS seen`;
}
