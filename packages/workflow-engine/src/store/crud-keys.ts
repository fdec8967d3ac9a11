// Idempotency keys on the CRUD port (P2): taken, and completed, inside the transaction of the unit they ride.
import { IdempotencyConflictError, IdempotencyInProgressError } from "../errors.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { UnitKey } from "../ports/store.ts";

/** Takes a unit's key before its rule is asked: the earlier answer if there is one; throws when the key is not to be had. */
export async function takeUnitKey<R>(tx: Persistence, key: UnitKey<R>): Promise<{ answer: R } | null> {
  // a held key is completed by whoever holds the stage: the execution's fence has the last word, not the key's lease
  if (key.mode === "settle" || key.mode === "release") return null;
  const { hash, owner, leaseMs } = key;
  const state = await tx.acquireIdempotencyKey(key.key, key.commandType, { hash, owner, leaseMs });
  if (state.status === "replay") return { answer: key.replay(state.result) };
  if (state.status === "conflict") throw new IdempotencyConflictError(key.key, key.commandType);
  if (state.status === "in_progress") throw new IdempotencyInProgressError(key.key, key.commandType);
  return null;
}

/** Stores a unit's result under its key; a key that is only held stays open. */
export async function completeUnitKey<R>(tx: Persistence, key: UnitKey<R>, result: R): Promise<void> {
  if (key.mode === "hold") return;
  if (key.mode === "release") return tx.releaseIdempotencyKey(key.key, key.commandType);
  // as JSON has it, so that every adapter can keep it and a replay reads what a crash would leave
  const stored: unknown = JSON.parse(JSON.stringify(key.resultOf(result)) ?? "null");
  await tx.completeIdempotencyKey(key.key, key.commandType, stored);
}
