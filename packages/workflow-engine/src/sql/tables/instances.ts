// Processes that execute stages, one row each: a lease is as fresh as its instance's heartbeat. `heartbeat_at` 0 says that the
// instance is gone, and then no lease of it counts. Leases are found by way of the RUNNING runs (CROSS JOIN keeps SQLite to that
// order): an index on them would be written twice for every stage. Beside them the leases of whole tasks, by name.
import { forOne, forRows } from "../dialect.ts";

/** Says that instances live. */
export const saveHeartbeats = forRows("save_heartbeats", { id: "text", worker_id: "text", heartbeat_at: "int" }, (_, { insert }) => {
  return `${insert("instances")} ON CONFLICT (id) DO UPDATE SET worker_id = excluded.worker_id, heartbeat_at = excluded.heartbeat_at`;
});

/** Makes sure that whoever holds a lease is known, so that its silence is noticed. */
export const ensureInstances = forRows("ensure_instances", { id: "text", worker_id: "text", heartbeat_at: "int" }, (_, { insert }) => {
  return `${insert("instances")} ON CONFLICT (id) DO NOTHING`;
});

/** Instances not heard of since an instant. */
export const listSilentInstances = forOne("list_silent_instances", { before: "int" }, (p) => {
  return `SELECT id FROM instances WHERE heartbeat_at < ${p.before}`;
});

/** Deletes instances. */
export const deleteInstances = forRows("delete_instances", { id: "text" }, (u, { using }) => {
  return `DELETE FROM instances ${using} WHERE instances.id = ${u.id}`;
});

/** Executions leased to these instances and not heard of since an instant, the longest silent first. */
export const listStaleLeases = forOne("list_stale_leases", { ids: "texts", before: "int", max: "limit" }, (p, dialect) => {
  const heard = `CASE WHEN i.heartbeat_at = 0 THEN 0 WHEN i.heartbeat_at > s.locked_at THEN i.heartbeat_at ELSE s.locked_at END`;
  return `SELECT s.run_id, s.stage_id, s.item, s.execution_id, s.instance_id FROM runs r
    CROSS JOIN stages s CROSS JOIN instances i
    WHERE r.status = 'RUNNING' AND s.run_id = r.id AND i.id = s.instance_id AND ${dialect.isIn("s.instance_id", p.ids)} AND s.status IN ('RUNNING', 'PENDING') AND ${heard} < ${p.before}
    ORDER BY ${heard} LIMIT ${p.max}`;
});

/** Instances among these that hold a lease. */
export const listHolders = forOne("list_holders", { ids: "texts" }, (p, dialect) => {
  return `SELECT DISTINCT s.instance_id FROM runs r CROSS JOIN stages s
    WHERE r.status = 'RUNNING' AND s.run_id = r.id AND s.status IN ('RUNNING', 'PENDING') AND ${dialect.isIn("s.instance_id", p.ids)}`;
});

/** Executions leased to an instance. */
export const listLeasedTo = forOne("list_leased_to", { id: "text" }, (p) => {
  return `SELECT s.run_id, s.stage_id, s.item, s.execution_id FROM runs r CROSS JOIN stages s
    WHERE r.status = 'RUNNING' AND s.run_id = r.id AND s.status IN ('RUNNING', 'PENDING') AND s.instance_id = ${p.id}`;
});

/** What a holder of an execution wants to know: is it RUNNING still, and under which execution. */
export const loadHeld = forRows("load_held", { run_id: "text", stage_id: "text", item: "int" }, (u, { join, dialect }) => {
  return `SELECT s.run_id, s.stage_id, s.item, s.execution_id FROM ${join} stages s JOIN runs r ON r.id = s.run_id
    WHERE s.run_id = ${u.run_id} AND s.stage_id = ${u.stage_id} AND s.item = ${u.item} AND s.status = 'RUNNING' AND ${dialect.asFilter("r.status")} = 'RUNNING'`;
});

/** Reads the lease of a task, and locks it. */
export const loadLease = forOne("load_lease", { name: "text" }, (p, dialect) => {
  return `SELECT token, until FROM leases WHERE name = ${p.name} ${dialect.lockRows}`;
});

/** Makes sure that a task's lease has a row to lock. */
export const ensureLease = forRows("ensure_lease", { name: "text", token: "text", until: "int" }, (_, { insert }) => {
  return `${insert("leases")} ON CONFLICT (name) DO NOTHING`;
});

/** Writes the lease of a task. */
export const saveLease = forRows("save_lease", { name: "text", token: "text", until: "int" }, (u, { from }) => {
  return `UPDATE leases SET token = ${u.token}, until = ${u.until} ${from} WHERE leases.name = ${u.name}`;
});
