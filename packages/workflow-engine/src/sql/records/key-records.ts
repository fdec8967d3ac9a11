// Idempotency keys of the CRUD port (P2). A key nobody has is first written as one that was given up: whoever writes it second waits
// for the first, and then sees what it has become.
import type { KeyHold, KeyState } from "../../ports/persistence.ts";
import { forOne } from "../dialect.ts";
import { loadKeys, releaseKey, saveKeys } from "../tables/keys.ts";
import { defaultKeyLeaseMs, findKey, readKeyRow, saveKeyRow } from "../unit-keys.ts";
import type { Step } from "./steps.ts";

const ensureKey = forOne("ensure_key", { key: "text", command: "text", now: "int" }, (p) => {
  return `INSERT INTO keys (key, command, held_until, created_at) VALUES (${p.key}, ${p.command}, 0, ${p.now})
    ON CONFLICT (key, command) DO NOTHING`;
});
const lockKey = forOne("lock_key", { key: "text", command: "text" }, (p, dialect) => {
  return `SELECT key, command, hash, result, owner, held_until, completed_at FROM keys
    WHERE key = ${p.key} AND command = ${p.command} ${dialect.lockRows}`;
});

/** Takes a key for `leaseMs` (default 60,000), unless somebody has it or it has its answer. */
export async function acquireKey({ session, now }: Step, key: string, command: string, hold: KeyHold): Promise<KeyState> {
  await session.write(ensureKey, [[key, command, now]]);
  const row = readKeyRow((await session.read(lockKey, [[key, command]]))[0]!);
  const found = findKey(row, hold.hash, hold.owner, now);
  if (found.status === "done") return { status: "replay", result: found.result };
  if (found.status !== "free") return { status: found.status };
  const { hash = null, owner = null, leaseMs = defaultKeyLeaseMs } = hold;
  const held = { key, command, hash, result: null, owner, heldUntil: now + leaseMs, completedAt: null };
  await session.write(saveKeys, [saveKeyRow(held, now)]);
  return { status: "acquired" };
}

/** Stores a command's result under its key. */
export async function completeKey({ session, now }: Step, key: string, command: string, result: unknown): Promise<void> {
  const [row] = await session.read(loadKeys, [[key, command]]);
  const old = row ? readKeyRow(row) : { hash: null, owner: null, heldUntil: now };
  const done = { ...old, key, command, result: JSON.stringify(result) ?? "null", completedAt: now };
  await session.write(saveKeys, [saveKeyRow(done, now)]);
}

/** Gives back a key that is held and not completed. */
export async function releaseHeldKey({ session }: Step, key: string, command: string): Promise<void> {
  await session.write(releaseKey, [[key, command]]);
}
