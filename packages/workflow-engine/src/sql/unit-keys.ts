// Idempotency keys as a batch sees them (P2): loaded with the runs, changed by the units in their order, written with the effects.
// The key of a dead owner frees itself.
import { IdempotencyConflictError, IdempotencyInProgressError } from "../errors.ts";
import type { UnitKey } from "../ports/store.ts";
import { Conflict, type Row, type Session } from "./db.ts";
import { insertFreeKeys, insertKeys, loadKeys, saveKeys } from "./tables/keys.ts";

/** Milliseconds until a key frees itself when its owner does not say. */
export const defaultKeyLeaseMs = 60_000;

/** A key as stored. */
export interface KeyRow {
  readonly key: string;
  readonly command: string;
  readonly hash: string | null;
  readonly result: string | null;
  readonly owner: string | null;
  readonly heldUntil: number;
  readonly completedAt: number | null;
}

/** What a key says to a command that wants to run under it. */
export type KeyFinding = { status: "free" | "in_progress" | "conflict" } | { status: "done"; result: unknown };

/** A key of a row of `loadKeys`. */
export function readKeyRow(row: Row): KeyRow {
  return {
    key: row[0] as string,
    command: row[1] as string,
    hash: row[2] as string | null,
    result: row[3] as string | null,
    owner: row[4] as string | null,
    heldUntil: row[5] as number,
    completedAt: row[6] as number | null,
  };
}

/** Parameters of `saveKeys`. */
export function saveKeyRow(row: KeyRow, now: number): Row {
  return [row.key, row.command, row.hash, row.result, row.owner, row.heldUntil, row.completedAt, now];
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

/** The keys of one batch. */
export class UnitKeys {
  readonly #known = new Map<string, KeyRow>();
  readonly #changed = new Set<string>();
  /** Those that were in the database when they were read, or are since. */
  readonly #stored = new Set<string>();

  /** Reads what the units of a batch come with. */
  async load(session: Session, keys: readonly UnitKey<unknown>[]): Promise<void> {
    const wanted = keys.filter((key) => !this.#known.has(keyIdOf(key)));
    if (wanted.length === 0) return;
    const rows = await session.read(
      loadKeys,
      wanted.map(({ key, commandType }) => [key, commandType]),
    );
    for (const row of rows.map(readKeyRow)) {
      const id = idOf(row.command, row.key);
      this.#known.set(id, row);
      this.#stored.add(id);
    }
  }

  /** The earlier answer if there is one; null when the unit may go on; throws when the key is not to be had. */
  check<R>(key: UnitKey<R>, now: number): { answer: R } | null {
    const row = this.#known.get(keyIdOf(key));
    // its own owner settles what it holds, also when the lease has just run out
    const isOwn = row && row.completedAt === null && row.owner !== null && row.owner === key.owner;
    if (isOwn && (key.mode === "settle" || key.mode === "release")) return null;
    const finding = findKey(row, key.hash, key.owner, now);
    if (finding.status === "done") return { answer: key.replay(finding.result) };
    if (finding.status === "conflict") throw new IdempotencyConflictError(key.key, key.commandType);
    if (finding.status === "in_progress") throw new IdempotencyInProgressError(key.key, key.commandType);
    return null;
  }

  /** What the key becomes when the unit's effect is written. */
  after<R>(key: UnitKey<R>, result: R, now: number): KeyRow {
    const { commandType: command, hash, owner = null } = key;
    if (key.mode === "hold" || key.mode === "release") {
      const heldUntil = key.mode === "release" ? now : now + (key.leaseMs ?? defaultKeyLeaseMs);
      return { key: key.key, command, hash, result: null, owner, heldUntil, completedAt: null };
    }
    const old = this.#known.get(keyIdOf(key));
    const text = JSON.stringify(key.resultOf(result)) ?? "null";
    return { key: key.key, command, hash, result: text, owner: old?.owner ?? null, heldUntil: old?.heldUntil ?? now, completedAt: now };
  }

  /** Takes note of a key's new state. */
  put(row: KeyRow): void {
    const id = idOf(row.command, row.key);
    this.#known.set(id, row);
    this.#changed.add(id);
  }

  /** Writes what has changed. */
  async flush(session: Session, now: number): Promise<void> {
    if (this.#changed.size === 0) return;
    // in the order of the keys, so that two who insert the same ones do not wait in a circle
    const ids = [...this.#changed].sort();
    this.#changed.clear();
    const rowOf = (id: string): Row => saveKeyRow(this.#known.get(id)!, now);
    const isStored = (id: string): boolean => this.#stored.has(id);
    const [fresh, stored] = [ids.filter((id) => !isStored(id)), ids.filter(isStored)];
    if (!session.isJoined) await session.send(insertKeys, fresh.map(rowOf));
    else if ((await session.write(insertFreeKeys, fresh.map(rowOf))) < fresh.length) throw new Conflict("somebody else has used the key");
    await session.send(saveKeys, stored.map(rowOf));
    for (const id of fresh) this.#stored.add(id);
  }
}

function keyIdOf(key: Pick<UnitKey<unknown>, "key" | "commandType">): string {
  return idOf(key.commandType, key.key);
}

function idOf(command: string, key: string): string {
  return `${command}\0${key}`;
}
