// Idempotency keys (P2): key, effect and result are one commit, and the key of a dead owner frees itself.
import { IdempotencyConflictError, IdempotencyInProgressError } from "../errors.ts";
import type { UnitKey } from "../ports/store.ts";
import type { KeyRow, MemoryTables } from "./memory-tables.ts";

const DEFAULT_LEASE_MS = 60_000;

/** What a key says about a command that wants to run under it. */
export type KeyFinding = { status: "free" | "in_progress" | "conflict" } | { status: "done"; result: unknown };

/** Where a key is kept: (command, key) is unique. */
export function keyIdOf(commandType: string, key: string): string {
  return JSON.stringify([commandType, key]);
}

/** Reads a key as somebody sees it who comes with this hash and owner. */
export function findKey(row: KeyRow | undefined, hash: string | undefined, owner: string | undefined, now: number): KeyFinding {
  if (!row) return { status: "free" };
  const isOther = row.hash !== null && hash !== undefined && row.hash !== hash;
  if (row.completedAt !== null) return isOther ? { status: "conflict" } : { status: "done", result: JSON.parse(row.result ?? "null") };
  if (now >= row.heldUntil) return { status: "free" };
  if (isOther) return { status: "conflict" };
  return { status: owner !== undefined && row.owner === owner ? "free" : "in_progress" };
}

/** Looks a unit's key up before its rule is asked: the earlier answer if there is one; throws when the key is not to be had. */
export function checkUnitKey<R>(tables: MemoryTables, key: UnitKey<R>, now: number): { answer: R } | null {
  const row = tables.keys.get(keyIdOf(key.commandType, key.key));
  // its owner settles what it holds, also when the lease has just run out; one that names no owner is fenced by its execution
  const isOwn = row !== undefined && row.completedAt === null && (key.owner === undefined || key.owner === row.owner);
  if ((key.mode === "settle" || key.mode === "release") && isOwn) return null;
  const finding = findKey(row, key.hash, key.owner, now);
  if (finding.status === "done") return { answer: key.replay(finding.result) };
  if (finding.status === "conflict") throw new IdempotencyConflictError(key.key, key.commandType);
  if (finding.status === "in_progress") throw new IdempotencyInProgressError(key.key, key.commandType);
  return null;
}

/** Writes a unit's key beside its effect. */
export function writeUnitKey<R>(tables: MemoryTables, key: UnitKey<R>, result: R, now: number): void {
  if (key.mode === "release") holdKey(tables, key.commandType, key.key, { ...key, leaseMs: 0 }, now);
  else if (key.mode === "hold") holdKey(tables, key.commandType, key.key, key, now);
  else completeKey(tables, key.commandType, key.key, key.resultOf(result), now, key.hash);
}

/** Takes a key for `leaseMs` (default 60,000). */
export function holdKey(
  tables: MemoryTables,
  commandType: string,
  key: string,
  hold: { hash?: string | undefined; owner?: string | undefined; leaseMs?: number | undefined },
  now: number,
): void {
  tables.keys.set(keyIdOf(commandType, key), {
    commandType,
    key,
    hash: hold.hash ?? null,
    owner: hold.owner ?? null,
    heldUntil: now + (hold.leaseMs ?? DEFAULT_LEASE_MS),
    completedAt: null,
    result: null,
  });
}

/** Stores a command's result under its key. */
export function completeKey(tables: MemoryTables, commandType: string, key: string, result: unknown, now: number, hash?: string): void {
  const id = keyIdOf(commandType, key);
  const old = tables.keys.get(id);
  const text = JSON.stringify(result) ?? "null";
  const row = { commandType, key, hash: hash ?? old?.hash ?? null, owner: old?.owner ?? null, heldUntil: old?.heldUntil ?? now };
  tables.keys.set(id, { ...row, completedAt: now, result: text });
}
