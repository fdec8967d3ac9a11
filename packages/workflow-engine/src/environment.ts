// The real world behind the Environment port: the only place with a clock, timers and randomness (settled question 8).
// Runs in any runtime: nothing of Node is imported, and what only Node has is used when it is there.
import type { Environment } from "./ports/environment.ts";

const LONGEST_TIMER_MS = 2 ** 31 - 1;
const IDS_PER_FILL = 256;
const RANDOM_BYTES = 10;
const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Calls `fire` once after `ms`; a wait longer than a timer can hold is made of several. */
function setTimer(ms: number, fire: () => void): () => void {
  let handle: ReturnType<typeof setTimeout>;
  const arm = (left: number): void => {
    handle = setTimeout(
      () => (left > LONGEST_TIMER_MS ? arm(left - LONGEST_TIMER_MS) : fire()),
      Math.min(Math.max(left, 0), LONGEST_TIMER_MS),
    );
    // browsers answer a number, which keeps nothing alive
    (handle as { unref?: () => void }).unref?.();
  };
  arm(ms);
  return () => clearTimeout(handle);
}

/** Makes UUIDs of version 7 (RFC 9562 sections 5.7 and 6.2, method 1): ids of one maker sort in the order they were made. */
function createIdMaker(now: () => number): () => string {
  const pool = new Uint8Array(RANDOM_BYTES * IDS_PER_FILL);
  let offset = pool.length;
  let lastMs = 0;
  let counter = 0;
  /** The parts before the counter; new with each millisecond. */
  let head = "";
  const startAt = (ms: number): void => {
    const time = ms.toString(16).padStart(12, "0");
    lastMs = ms;
    head = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  };
  return () => {
    if (offset === pool.length) {
      globalThis.crypto.getRandomValues(pool);
      offset = 0;
    }
    const at = offset;
    offset += RANDOM_BYTES;
    const ms = now();
    if (ms > lastMs) {
      startAt(ms);
      // the highest bit starts at 0, so that a millisecond has room for at least 2,048 ids
      counter = ((pool[at]! & 0x07) << 8) | pool[at + 1]!;
    } else if (++counter > 0xfff) {
      startAt(lastMs + 1);
      counter = 0;
    }
    const count = hex[counter >> 8]![1]! + hex[counter & 0xff]!;
    const variant = hex[(pool[at + 2]! & 0x3f) | 0x80]! + hex[pool[at + 3]!]!;
    const node =
      hex[pool[at + 4]!]! + hex[pool[at + 5]!]! + hex[pool[at + 6]!]! + hex[pool[at + 7]!]! + hex[pool[at + 8]!]! + hex[pool[at + 9]!]!;
    return `${head}${count}-${variant}-${node}`;
  };
}

/** The process's own clock, timers and randomness. */
export const realEnvironment: Environment = {
  now: () => Date.now(),
  setTimer,
  defer: (run) => void (typeof setImmediate === "function" ? setImmediate(run) : setTimeout(run, 0)),
  keepAlive: () => {
    const handle = setInterval(() => undefined, LONGEST_TIMER_MS);
    return () => clearInterval(handle);
  },
  random: () => Math.random(),
  newId: createIdMaker(() => Date.now()),
};
