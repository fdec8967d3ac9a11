// Events that one consumer still has to get, or will never get; and what the CRUD port has marked event by event (P18).
import { forOne, forRows } from "../dialect.ts";

/** Columns of a delivery. */
export const deliveryColumns = "d.outbox_id, d.idx, d.consumer, d.run_id, d.sequence, d.tries, d.next_at, d.dead_at, d.error";

/** One row while any delivery is not dead. */
export const findAlive = forOne("find_alive", {}, () => "SELECT 1 WHERE EXISTS (SELECT 1 FROM deliveries WHERE dead_at IS NULL)");

/** Queues, by run and consumer, in which a delivery is due. */
export const listDueQueues = forOne("list_due_queues", { now: "int", max: "limit" }, (p) => {
  return `SELECT run_id, consumer, min(next_at) FROM deliveries
    WHERE dead_at IS NULL AND next_at IS NOT NULL AND next_at <= ${p.now} GROUP BY run_id, consumer ORDER BY min(next_at) LIMIT ${p.max}`;
});

/** Deliveries of a run that are not dead. */
export const listAliveOfRuns = forRows("list_alive_of_runs", { run_id: "text" }, (u, { join }) => {
  return `SELECT ${deliveryColumns} FROM ${join} deliveries d WHERE d.run_id = ${u.run_id} AND d.dead_at IS NULL`;
});

/** Deliveries of queues that are not dead. */
export const listAliveOfQueues = forRows("list_alive_of_queues", { run_id: "text", consumer: "text" }, (u, { join }) => {
  return `SELECT ${deliveryColumns} FROM ${join} deliveries d WHERE d.run_id = ${u.run_id} AND d.consumer = ${u.consumer} AND d.dead_at IS NULL`;
});

/** Keeps deliveries as they now are. */
export const saveDeliveries = forRows(
  "save_deliveries",
  {
    outbox_id: "int",
    idx: "int",
    consumer: "text",
    run_id: "text",
    sequence: "int",
    tries: "int",
    next_at: "int",
    dead_at: "int",
    error: "text",
  },
  (_, { insert }) => `${insert("deliveries")} ON CONFLICT (outbox_id, idx, consumer) DO UPDATE SET tries = excluded.tries,
    next_at = excluded.next_at, dead_at = excluded.dead_at, error = excluded.error`,
);

/** Deletes deliveries. */
export const deleteDeliveries = forRows("delete_deliveries", { outbox_id: "int", idx: "int", consumer: "text" }, (u, { using }) => {
  return `DELETE FROM deliveries ${using}
    WHERE deliveries.outbox_id = ${u.outbox_id} AND deliveries.idx = ${u.idx} AND deliveries.consumer = ${u.consumer}`;
});

/** Dead deliveries, the longest dead first; locked, so that each is revived, and counted, once. */
export const listDeadDeliveries = forOne("list_dead_deliveries", { max: "limit" }, (p, dialect) => {
  return `SELECT ${deliveryColumns} FROM deliveries d WHERE d.dead_at IS NOT NULL ORDER BY d.dead_at, d.outbox_id, d.idx LIMIT ${p.max}
    ${dialect.lockRows}`;
});

/** Makes dead deliveries due again. */
export const reviveDeliveries = forRows(
  "revive_deliveries",
  { outbox_id: "int", idx: "int", consumer: "text", now: "int" },
  (u, { from }) => `UPDATE deliveries SET tries = 0, dead_at = NULL, next_at = ${u.now} ${from}
    WHERE deliveries.outbox_id = ${u.outbox_id} AND deliveries.idx = ${u.idx} AND deliveries.consumer = ${u.consumer}`,
);

/** Deliveries dead since before an instant. */
export const listOldDead = forOne("list_old_dead", { before: "int", max: "limit" }, (p) => {
  return `SELECT outbox_id, idx, consumer FROM deliveries WHERE dead_at IS NOT NULL AND dead_at < ${p.before} ORDER BY dead_at LIMIT ${p.max}`;
});

/** One row while the CRUD port has marked anything. */
export const findMarks = forOne("find_marks", {}, () => "SELECT 1 WHERE EXISTS (SELECT 1 FROM event_marks)");

/** Marks of the events of rows. */
export const loadMarks = forRows("load_marks", { outbox_id: "int" }, (u, { join }) => {
  return `SELECT m.outbox_id, m.idx, m.published_at, m.tries, m.dead_at FROM ${join} event_marks m WHERE m.outbox_id = ${u.outbox_id}`;
});

/** Writes marks as they now are. */
export const saveMarks = forRows(
  "save_marks",
  { outbox_id: "int", idx: "int", published_at: "int", tries: "int", dead_at: "int" },
  (_, { insert }) => `${insert("event_marks")} ON CONFLICT (outbox_id, idx) DO UPDATE SET published_at = excluded.published_at,
    tries = excluded.tries, dead_at = excluded.dead_at`,
);

/** Deletes the marks of rows. */
export const deleteMarks = forRows("delete_marks", { outbox_id: "int" }, (u, { using }) => {
  return `DELETE FROM event_marks ${using} WHERE event_marks.outbox_id = ${u.outbox_id}`;
});

/** Marks of events given up, the longest first. */
export const listDeadMarks = forOne("list_dead_marks", { max: "limit" }, (p) => {
  return `SELECT m.outbox_id, m.idx, m.published_at, m.tries, m.dead_at FROM event_marks m
    WHERE m.dead_at IS NOT NULL ORDER BY m.dead_at, m.outbox_id, m.idx LIMIT ${p.max}`;
});
