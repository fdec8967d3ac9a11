// Events on their way out: one row a run and commit. Sequences count the events of a run and are given under its lock, so that they
// are in the order of the commits and no reader's cursor skips one. Rows stay until retention. Where commits are in the order of the
// ids, one row of `publications` says that everything up to an id is published; else, and for what is published out of order, each
// row says so itself. What an event's own mark says goes before both.
import { forOne, forRows } from "../dialect.ts";

/** Appends the events of one run and commit. */
export const insertOutbox = forRows(
  "insert_outbox",
  { run_id: "text", occurred_at: "int", causation_id: "text", events: "text", count: "int", first_sequence: "int" },
  (_, { insert }) => insert("outbox"),
);

const lastPublication = "(SELECT coalesce(max(last_id), 0) FROM publications)";
const publishedAt = `coalesce(o.published_at,
  (SELECT p.published_at FROM publications p WHERE p.last_id >= o.id ORDER BY p.last_id LIMIT 1))`;

/** Columns of a row of the outbox, as `readOutboxRow` expects them. */
export const outboxColumns = `o.id, o.run_id, o.occurred_at, o.causation_id, o.events, o.raw_type, o.count, o.first_sequence, ${publishedAt}`;

/** True for rows that are published, but for single events of them. */
export const isPublished = `(o.published_at IS NOT NULL OR o.id <= ${lastPublication})`;

const unpublished = `FROM outbox o WHERE o.id > ${lastPublication} AND o.published_at IS NULL`;

/** Unpublished rows, oldest first, while no event has a mark. */
export const listUnpublished = forOne("list_unpublished", { max: "limit" }, (p) => {
  const columns = outboxColumns.replace(publishedAt, "NULL");
  return `SELECT ${columns} ${unpublished} ORDER BY o.id LIMIT ${p.max}`;
});

/** Rows that have an event which is neither published nor given up, oldest first; one that is published itself may have one that was revived. */
export const listLive = forOne("list_live", { max: "limit" }, (p) => {
  const isLive = "m.published_at IS NULL AND m.dead_at IS NULL";
  return `SELECT * FROM (
      SELECT ${outboxColumns} FROM outbox o WHERE o.id IN (
        SELECT m.outbox_id FROM event_marks m WHERE ${isLive}) AND ${isPublished}
      UNION ALL
      SELECT * FROM (SELECT ${outboxColumns} ${unpublished}
        AND o.count > (SELECT count(*) FROM event_marks m WHERE m.outbox_id = o.id AND NOT (${isLive})) ORDER BY o.id LIMIT ${p.max}) AS fresh
    ) AS live ORDER BY 1 LIMIT ${p.max}`;
});

/** When rows were last published; no row before the first. */
export const lastPublishedAt = forOne("last_published_at", {}, (_, { commitsInOrder }) => {
  return commitsInOrder
    ? `SELECT p.published_at FROM publications p WHERE p.last_id = ${lastPublication}`
    : "SELECT o.published_at FROM outbox o WHERE o.published_at IS NOT NULL ORDER BY o.published_at DESC LIMIT 1";
});

/** The first row that has an event neither published nor given up. */
export const firstUnsettled = forOne("first_unsettled", {}, () => {
  const isSettled = "(m.published_at IS NOT NULL OR m.dead_at IS NOT NULL)";
  return `SELECT o.id ${unpublished}
    AND o.count > (SELECT count(*) FROM event_marks m WHERE m.outbox_id = o.id AND ${isSettled}) ORDER BY o.id LIMIT 1`;
});

/** Rows by id. */
export const loadOutbox = forRows("load_outbox", { id: "int" }, (u, { join }) => {
  return `SELECT ${outboxColumns} FROM ${join} outbox o WHERE o.id = ${u.id}`;
});

/** The last sequence of a run that has no row, as other systems' events have none. */
export const loadLastSequence = forOne("load_last_sequence", { run_id: "text" }, (p) => {
  return `SELECT coalesce((SELECT o.first_sequence + o.count - 1 FROM outbox o WHERE o.run_id = ${p.run_id} ORDER BY o.id DESC LIMIT 1), 0)`;
});

/** Marks rows published one by one. */
export const markPublished = forOne("mark_published", { now: "int", ids: "ints" }, (p, dialect) => {
  return `UPDATE outbox SET published_at = ${p.now} WHERE published_at IS NULL AND ${dialect.isFoundIn("id", p.ids)}`;
});

/** The last unpublished row and the number of unpublished events. */
export const sumUnpublished = forOne("sum_unpublished", {}, () => `SELECT max(o.id), coalesce(sum(o.count), 0) ${unpublished}`);

/** Says that everything up to a row is published. */
export const insertPublication = forOne("insert_publication", { last_id: "int", now: "int" }, (p) => {
  return `INSERT INTO publications (last_id, published_at) VALUES (${p.last_id}, ${p.now})`;
});

/** Deletes publications of which no row is left; the last one says where to go on. */
export const deletePublications = forOne("delete_publications", {}, () => {
  return `DELETE FROM publications WHERE last_id < ${lastPublication} AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.id <= publications.last_id)`;
});

/** The first row from an id on, with when it happened. */
export const findRowFrom = forOne("find_row_from", { id: "int" }, (p) => {
  return `SELECT o.id, o.occurred_at FROM outbox o WHERE o.id >= ${p.id} ORDER BY o.id LIMIT 1`;
});

/** The greatest id; null in an empty outbox. */
export const findLastRow = forOne("find_last_row", {}, () => "SELECT max(id) FROM outbox");

/** Rows up to an id that were published before an instant, that no delivery names and of which no event waits or has been given up. */
export const listOldPublished = forOne("list_old_published", { last_id: "int", before: "int", max: "limit" }, (p) => {
  return `SELECT o.id, o.count FROM outbox o
    WHERE o.id <= ${p.last_id} AND ${publishedAt} < ${p.before}
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.outbox_id = o.id)
      AND NOT EXISTS (SELECT 1 FROM event_marks m WHERE m.outbox_id = o.id AND m.published_at IS NULL) ORDER BY o.id LIMIT ${p.max}`;
});

/** Rows of which events have been given up, the last of them before an instant, and no other is on its way. */
export const listOldDeadRows = forOne("list_old_dead_rows", { before: "int", max: "limit" }, (p) => {
  return `SELECT m.outbox_id FROM event_marks m CROSS JOIN outbox o WHERE o.id = m.outbox_id GROUP BY m.outbox_id, o.count, o.id, o.published_at
    HAVING count(m.dead_at) > 0 AND count(CASE WHEN m.published_at IS NULL AND coalesce(m.dead_at, ${p.before}) >= ${p.before} THEN 1 END) = 0
      AND (count(*) = o.count OR ${publishedAt} IS NOT NULL) LIMIT ${p.max}`;
});

/** Deletes rows. */
export const deleteOutbox = forRows(
  "delete_outbox",
  { id: "int" },
  (u, { using }) => `DELETE FROM outbox ${using} WHERE outbox.id = ${u.id}`,
);
