// Events on their way out: one row a run and commit. Sequences count the events of a run and are given under its lock, so that they
// are in the order of the commits and no reader's cursor skips one. Rows stay until retention.
import { forOne, forRows } from "../dialect.ts";

/** Appends the events of one run and commit. */
export const insertOutbox = forRows(
  "insert_outbox",
  { run_id: "text", occurred_at: "int", causation_id: "text", events: "text", count: "int", first_sequence: "int" },
  (_, { insert }) => insert("outbox"),
);

/** Columns of a row of the outbox, as `readOutboxRow` expects them. */
export const outboxColumns =
  "o.id, o.run_id, o.occurred_at, o.causation_id, o.events, o.raw_type, o.count, o.first_sequence, o.published_at";

/** Unpublished rows, oldest first. */
export const listUnpublished = forOne("list_unpublished", { max: "int" }, (p) => {
  return `SELECT ${outboxColumns} FROM outbox o WHERE o.published_at IS NULL ORDER BY o.id LIMIT ${p.max}`;
});

/** Rows by id. */
export const loadOutbox = forRows("load_outbox", { id: "int" }, (u, { join }) => {
  return `SELECT ${outboxColumns} FROM ${join} outbox o WHERE o.id = ${u.id}`;
});

/** The last sequence of a run that has no row, as other systems' events have none. */
export const loadLastSequence = forOne("load_last_sequence", { run_id: "text" }, (p) => {
  return `SELECT coalesce((SELECT o.first_sequence + o.count - 1 FROM outbox o WHERE o.run_id = ${p.run_id} ORDER BY o.id DESC LIMIT 1), 0)`;
});

/** Marks rows published, all of whose events are. Found by id alone: by the index on unpublished ones it would change what it reads. */
export const markPublished = forOne("mark_published", { now: "int", ids: "texts" }, (p, dialect) => {
  return `UPDATE outbox SET published_at = ${p.now} WHERE ${dialect.isFoundIn("id", p.ids)}`;
});

/** The first row from an id on, with when it happened. */
export const findRowFrom = forOne("find_row_from", { id: "int" }, (p) => {
  return `SELECT o.id, o.occurred_at FROM outbox o WHERE o.id >= ${p.id} ORDER BY o.id LIMIT 1`;
});

/** The greatest id; null in an empty outbox. */
export const findLastRow = forOne("find_last_row", {}, () => "SELECT max(id) FROM outbox");

/** Rows up to an id that were published before an instant and that no delivery names. */
export const listOldPublished = forOne("list_old_published", { last_id: "int", before: "int", max: "int" }, (p) => {
  return `SELECT o.id, o.count FROM outbox o
    WHERE o.id <= ${p.last_id} AND o.published_at IS NOT NULL AND o.published_at < ${p.before}
      AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.outbox_id = o.id) ORDER BY o.id LIMIT ${p.max}`;
});

/** Deletes rows. */
export const deleteOutbox = forRows(
  "delete_outbox",
  { id: "int" },
  (u, { using }) => `DELETE FROM outbox ${using} WHERE outbox.id = ${u.id}`,
);
