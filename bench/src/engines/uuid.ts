// Ids as every engine with ids that its callers see has them: made by the process, in the order of their making (UUID version 7,
// RFC 9562, with a counter of twelve bits behind the millisecond).
import { randomFillSync } from "node:crypto";

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const pool = Buffer.alloc(8 * 512);
let used = pool.length;
let lastMs = 0;
let counter = 0;

/** A new id, greater than the one before. */
export function createUuid(): string {
  lastMs = Math.max(lastMs, Date.now());
  if (++counter > 0xfff) {
    lastMs++;
    counter = 0;
  }
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const time = lastMs.toString(16).padStart(12, "0");
  const variant = hex[(pool[used]! & 0x3f) | 0x80]! + hex[pool[used + 1]!]!;
  let rest = "";
  for (let index = used + 2; index < used + 8; index++) rest += hex[pool[index]!]!;
  used += 8;
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, "0")}-${variant}-${rest}`;
}
