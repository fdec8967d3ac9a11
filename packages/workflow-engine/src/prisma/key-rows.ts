// Idempotency keys of the CRUD port on a Prisma client (P2): taken once, held under a lease, completed with a result.
import type { KeyHold, KeyState } from "../ports/persistence.ts";
import type { Row } from "./client.ts";
import { keyModel } from "./models.ts";
import { Rows } from "./rows.ts";
import type { PrismaSession } from "./session.ts";

const defaultLeaseMs = 60_000;

/** A key as kept. Rows that others wrote have a result and nothing else: they are completed. */
export interface KeyRecord {
  id: string;
  createdAt: Date;
  key: string;
  commandType: string;
  result: unknown;
  hash: string | null;
  owner: string | null;
  heldUntil: Date | null;
  completedAt: Date | null;
}

/** Takes a key, or says why not. */
export function acquireKey(session: PrismaSession, key: string, commandType: string, hold: KeyHold): Promise<KeyState> {
  return session.atomically(async (inner) => {
    const rows = new Rows<KeyRecord>(inner, keyModel);
    const { hash = null, owner = null, leaseMs = defaultLeaseMs } = hold;
    const now = inner.now();
    const held = { hash, owner, heldUntil: new Date(now.getTime() + leaseMs), completedAt: null, result: null };
    const found = await rows.find({ key, commandType });
    // of rivals on PostgreSQL the second waits here until the first has committed
    const isMine = !found && (await insertKey(inner, rows, { id: inner.newId(), createdAt: now, key, commandType, ...held }));
    if (isMine) return { status: "acquired" };
    const id = found?.id ?? (await rows.find({ key, commandType }))?.id;
    const row = id === undefined ? null : await rows.lock(id);
    if (!row) return { status: "in_progress" };
    const state = stateOf(row, hold, now);
    if (state.status === "acquired") await rows.change(row, held);
    return state;
  });
}

async function insertKey(session: PrismaSession, rows: Rows<KeyRecord>, record: Row): Promise<boolean> {
  if (session.isPostgres) return (await rows.createMissing([record])) > 0;
  await rows.create(record);
  return true;
}

function stateOf(row: KeyRecord, { hash, owner }: KeyHold, now: Date): KeyState {
  const isOther = row.hash !== null && hash !== undefined && row.hash !== hash;
  if (isCompleted(row)) return isOther ? { status: "conflict" } : { status: "replay", result: row.result };
  if (now >= row.heldUntil!) return { status: "acquired" };
  if (isOther) return { status: "conflict" };
  return { status: owner !== undefined && row.owner === owner ? "acquired" : "in_progress" };
}

/** True when the key's command has ended. */
export function isCompleted({ completedAt, heldUntil }: KeyRecord): boolean {
  return completedAt !== null || heldUntil === null;
}

/** Stores a command's result under its key. */
export function completeKey(session: PrismaSession, key: string, commandType: string, result: unknown): Promise<void> {
  return session.atomically(async (inner) => {
    const rows = new Rows<KeyRecord>(inner, keyModel);
    const now = inner.now();
    const found = await rows.find({ key, commandType });
    const before = found && (await rows.lock(found.id));
    const done = { result: result ?? null, completedAt: now };
    if (before) await rows.change(before, done);
    else await rows.create({ id: inner.newId(), createdAt: now, key, commandType, hash: null, owner: null, heldUntil: now, ...done });
  });
}

/** Frees a key that is held; one that is completed stays. */
export function releaseKey(session: PrismaSession, key: string, commandType: string): Promise<void> {
  return session.atomically(async (inner) => {
    const rows = new Rows<KeyRecord>(inner, keyModel);
    const found = await rows.find({ key, commandType });
    const row = found && (await rows.lock(found.id));
    if (row && !isCompleted(row)) await rows.delete({ id: row.id });
  });
}
