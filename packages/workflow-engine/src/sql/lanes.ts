// Which batches may be under way at once. Units of one run share a lane, so that they ride one transaction and none waits for another's
// lock; what has no run of its own has lanes by kind, so that no long one holds up a short one.
import type { Item } from "./batch-runner.ts";
import type { Db } from "./db.ts";

const kinds: Readonly<Record<string, number>> = {
  claimRuns: 0,
  takeJobs: 0,
  takePolls: 0,
  takeEvents: 1,
  settleEvents: 1,
  publishUnread: 1,
  renewEvents: 1,
  replayDeadLetters: 1,
  sweep: 2,
};
const OTHER_WRITES = 3;
const READS = 4;
const KINDS = 5;

/** The lanes of a store. */
export class Lanes {
  readonly #db: Pick<Db, "lanes" | "takesTurns">;

  constructor(db: Pick<Db, "lanes" | "takesTurns">) {
    this.#db = db;
  }

  get #units(): number {
    return this.#db.lanes;
  }

  get count(): number {
    return this.#units === 0 ? 1 : this.#units + KINDS;
  }

  /** The lane of a run's units. */
  ofRun(runId: string): number {
    return this.#units === 0 ? 0 : hashOf(runId) % this.#units;
  }

  /** How many lanes, of the first, a run may be waiting for; 0 where everything takes turns. */
  get urgent(): number {
    return this.#units === 0 ? 0 : this.#units + 1;
  }

  /** The lane of an item. */
  of(item: Item): number {
    if (this.#units === 0 || this.#db.takesTurns) return 0;
    if ("unit" in item) return this.ofRun(item.unit.runId);
    return this.#units + (item.isRead ? READS : (kinds[item.name] ?? OTHER_WRITES));
  }
}

/** FNV-1a, 32 bits (http://www.isthe.com/chongo/tech/comp/fnv): ids may be counters, or differ in one place only. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
