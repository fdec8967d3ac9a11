// Idempotency keys: held while `completed_at` is null, answered from `result` afterwards (P2).
import { forOne, forRows } from "../dialect.ts";

/** Reads keys. */
export const loadKeys = forRows("load_keys", { key: "text", command: "text" }, (u, { join, dialect }) => {
  return `SELECT k.key, k.command, k.hash, k.result, k.owner, k.held_until, k.completed_at FROM ${join} keys k
    WHERE k.key = ${u.key} AND k.command = ${u.command} ORDER BY k.key, k.command ${dialect.lockRows}`;
});

const columns = {
  key: "text",
  command: "text",
  hash: "text",
  result: "text",
  owner: "text",
  held_until: "int",
  completed_at: "int",
  created_at: "instant",
} as const;

/** Writes keys that were not there; one that somebody else has written in the meantime is refused. */
export const insertKeys = forRows("insert_keys", columns, (_, { insert }) => insert("keys"));

/** The same, but leaves out those that somebody else has written in the meantime. */
export const insertFreeKeys = forRows(
  "insert_free_keys",
  columns,
  (_, { insert }) => `${insert("keys")} ON CONFLICT (key, command) DO NOTHING`,
);

/** Writes keys as they now are. */
export const saveKeys = forRows(
  "save_keys",
  columns,
  (_, { insert }) => `${insert("keys")} ON CONFLICT (key, command) DO UPDATE SET hash = excluded.hash, result = excluded.result,
    owner = excluded.owner, held_until = excluded.held_until, completed_at = excluded.completed_at`,
);

/** Deletes a key that is held and not completed. */
export const releaseKey = forOne("release_key", { key: "text", command: "text" }, (p) => {
  return `DELETE FROM keys WHERE key = ${p.key} AND command = ${p.command} AND completed_at IS NULL`;
});

/** Keys completed, or given up by a dead owner, before an instant. */
export const listOldKeys = forOne("list_old_keys", { before: "int", max: "limit" }, (p) => {
  return `SELECT key, command FROM keys
    WHERE created_at < ${p.before} AND coalesce(completed_at, held_until) < ${p.before} ORDER BY created_at LIMIT ${p.max}`;
});

/** Deletes keys. */
export const deleteKeys = forRows("delete_keys", { key: "text", command: "text" }, (u, { using }) => {
  return `DELETE FROM keys ${using} WHERE keys.key = ${u.key} AND keys.command = ${u.command}`;
});
