// What a transaction means for those who listen (P16), gathered while its decisions are folded and told once it has committed.
import { isEnded } from "../ports/status.ts";
import type { RunState, StageState, StoreSignal } from "../ports/store.ts";

/** A signal that grows with a transaction. */
export class SignalDraft implements StoreSignal {
  hasWork = false;
  hasEvents = false;
  mayHaveLost = false;
  wakeAt: number | null = null;
  readonly ended: string[] = [];
  readonly #now: number;

  constructor(now: number) {
    this.#now = now;
  }

  get isEmpty(): boolean {
    return !this.hasWork && !this.hasEvents && !this.mayHaveLost && this.wakeAt === null && this.ended.length === 0;
  }

  /** A run is now like this. */
  sawRun(before: RunState | null, after: RunState): void {
    if (after.status === "PENDING" && after.queuedAt !== null && after.queuedAt !== before?.queuedAt) this.sawWait(after.queuedAt);
    if (before?.status === after.status) return;
    if (isEnded(after.status) && !(before && isEnded(before.status))) this.ended.push(after.id);
    // a run that completes has nothing left that anybody could hold
    if (before?.status === "RUNNING" && after.status !== "COMPLETED") this.mayHaveLost = true;
  }

  /** A stage is now like this. */
  sawStage(before: StageState | null, after: StageState): void {
    const at = waitOf(after);
    if (at !== null && (!before || at !== waitOf(before))) this.sawWait(at);
    if (!before?.lease) return;
    const isTaken = after.executionId !== before.executionId;
    if (isTaken || after.status === "CANCELLED" || after.status === "SKIPPED") this.mayHaveLost = true;
  }

  /** Something waits until then. */
  sawWait(at: number): void {
    if (at <= this.#now) this.hasWork = true;
    else if (this.wakeAt === null || at < this.wakeAt) this.wakeAt = at;
  }

  /** Takes over what another part of the same commit means. */
  merge(other: SignalDraft): void {
    this.hasWork ||= other.hasWork;
    this.hasEvents ||= other.hasEvents;
    this.mayHaveLost ||= other.mayHaveLost;
    if (other.wakeAt !== null) this.sawWait(other.wakeAt);
    this.ended.push(...other.ended);
  }

  /** What listeners are told; null when nobody has to know. */
  toSignal(): StoreSignal | null {
    const { hasWork, hasEvents, mayHaveLost, wakeAt, ended } = this;
    return this.isEmpty ? null : { hasWork, hasEvents, mayHaveLost, wakeAt, ended };
  }
}

function waitOf(stage: StageState): number | null {
  if (stage.status === "PENDING") return stage.readyAt;
  return stage.status === "SUSPENDED" ? stage.pollAt : null;
}
