// When a unit's idempotency key is written beside its effect (P2); the same for every store.
import type { Changes, UnitKey } from "../ports/store.ts";

/** True when the key is to be written: always, but for one to be held by a unit that starts nothing. */
export function isKeyWritten<R>(key: UnitKey<R> | undefined, changes: Changes<R>): key is UnitKey<R> {
  return key !== undefined && (key.mode !== "hold" || (changes.stages?.length ?? 0) > 0);
}
