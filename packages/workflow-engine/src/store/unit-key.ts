// When a unit's idempotency key is written beside its effect (P2); the same for every store.
import type { Changes, UnitKey } from "../ports/store.ts";

/**
 * True when the key is to be written: always for a command of one commit; one that is held across two is taken by a unit that starts a
 * stage and completed by one that settles it. A discarded result completes nothing: the key frees itself with its lease.
 */
export function isKeyWritten<R>(key: UnitKey<R> | undefined, changes: Changes<R>): key is UnitKey<R> {
  return key !== undefined && (key.mode === "once" || (changes.stages?.length ?? 0) > 0);
}
