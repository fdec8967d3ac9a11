// Processes that execute stages, one row each: a lease is as fresh as its instance's heartbeat. `heartbeat_at` 0 says that the
// instance is gone, and then no lease of it counts. Leases are found by way of the RUNNING runs: an index on
// them would be written twice for every stage. Beside them the leases of whole tasks, by name.
import { type Dialect, forOne, forRows } from "../dialect.ts";
import { ofRunningRun } from "./stages.ts";

/** Says that instances live. */
export const saveHeartbeats = forRows("save_heartbeats", { id: "text", worker_id: "text", heartbeat_at: "int" }, (_, { insert }) => {
  return `${insert("instances")} ON CONFLICT (id) DO UPDATE SET worker_id = excluded.worker_id, heartbeat_at = excluded.heartbeat_at`;
});

/** Makes sure that whoever gets a lease is known until it has it, so that its silence is noticed: changes nothing, and keeps the row from going. */
export const ensureInstances = forRows("ensure_instances", { id: "text", worker_id: "text", heartbeat_at: "int" }, (_, { insert }) => {
  return `${insert("instances")} ON CONFLICT (id) DO UPDATE SET worker_id = excluded.worker_id WHERE false`;
});

/** Of these instances those not heard of since an instant, locked; none that is getting a lease. */
export const lockSilentInstances = forOne("lock_silent_instances", { ids: "texts", before: "int" }, (p, dialect) => {
  return `SELECT id FROM instances WHERE ${dialect.isFoundIn("id", p.ids)} AND heartbeat_at < ${p.before} ${dialect.lockFreeRows}`;
});

/** Instances not heard of since an instant. */
export const listSilentInstances = forOne("list_silent_instances", { before: "int" }, (p) => {
  return `SELECT id FROM instances WHERE heartbeat_at < ${p.before}`;
});

/** Deletes instances. */
export const deleteInstances = forRows("delete_instances", { id: "text" }, (u, { using }) => {
  return `DELETE FROM instances ${using} WHERE instances.id = ${u.id}`;
});

const execution = "s.run_id, s.stage_id, s.item, s.execution_id, s.instance_id";

/** Executions of RUNNING runs that an instance may hold. */
const heldBy = (dialect: Dialect, instance: string, more = ""): string => {
  const stages = dialect.thenJoin(
    "stages s",
    `${execution}, s.locked_at`,
    `s.run_id = r.id AND s.status IN ('RUNNING', 'PENDING') AND ${instance}`,
  );
  return `FROM runs r ${stages} ${more} WHERE r.status = 'RUNNING'`;
};

/** Executions leased to these instances and not heard of since an instant, the longest silent first. */
export const listStaleLeases = forOne("list_stale_leases", { ids: "texts", before: "int", max: "limit" }, (p, dialect) => {
  const heard = `CASE WHEN i.heartbeat_at = 0 THEN 0 WHEN i.heartbeat_at > s.locked_at THEN i.heartbeat_at ELSE s.locked_at END`;
  const instance = dialect.thenJoin("instances i", "i.heartbeat_at", "i.id = s.instance_id");
  return `SELECT ${execution} ${heldBy(dialect, dialect.isIn("s.instance_id", p.ids), instance)}
    AND ${heard} < ${p.before}
    ORDER BY ${heard} LIMIT ${p.max}`;
});

/** Instances among these that hold a lease. */
export const listHolders = forOne("list_holders", { ids: "texts" }, (p, dialect) => {
  return `SELECT DISTINCT s.instance_id ${heldBy(dialect, dialect.isIn("s.instance_id", p.ids))}`;
});

/** Executions leased to an instance. */
export const listLeasedTo = forOne("list_leased_to", { id: "text" }, (p, dialect) => {
  return `SELECT ${execution} ${heldBy(dialect, `s.instance_id = ${p.id}`)}`;
});

/** What a holder of an execution wants to know: is it RUNNING still, and under which execution. */
export const loadHeld = forRows("load_held", { run_id: "text", stage_id: "text", item: "int" }, (u, { join, dialect }) => {
  return `SELECT s.run_id, s.stage_id, s.item, s.execution_id FROM ${join} stages s ${ofRunningRun(dialect)}
    WHERE s.run_id = ${u.run_id} AND s.stage_id = ${u.stage_id} AND s.item = ${u.item} AND s.status = 'RUNNING'`;
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
