// What a commit means for those who listen (P16), read off the states before and after it.
import { isEnded } from "../ports/status.ts";
import type { StageState, StoreSignal } from "../ports/store.ts";
import type { StageStep, Written } from "./crud-changes.ts";

/** The signal of a commit; null when nobody has to know of it. */
export function signalOf(written: Written, now: number): StoreSignal | null {
  const { before, after, stages, runId } = written;
  const waits = stages.flatMap(newWaits);
  const queuedAt = after?.status === "PENDING" ? after.queuedAt : null;
  if (queuedAt !== null && queuedAt !== before?.queuedAt) waits.push(queuedAt);
  const later = waits.filter((at) => at > now);
  const isOver = after !== null && isEnded(after.status);
  const hasRunStopped = before?.status === "RUNNING" && after?.status !== "RUNNING" && after?.status !== "COMPLETED";
  const signal: StoreSignal = {
    hasWork: later.length < waits.length,
    hasEvents: written.hasEvents,
    mayHaveLost: hasRunStopped || stages.some(hasLostLease),
    wakeAt: later.length > 0 ? later.reduce((a, b) => Math.min(a, b)) : null,
    ended: isOver && !(before && isEnded(before.status)) ? [runId] : [],
  };
  return signal.hasWork || signal.hasEvents || signal.mayHaveLost || signal.wakeAt !== null || signal.ended?.length ? signal : null;
}

/** Instants from which work of these stages waits, where the unit changed them. */
function newWaits({ before, after }: StageStep): number[] {
  const at = waitOf(after);
  return at !== null && at !== waitOf(before) ? [at] : [];
}

function waitOf(stage: StageState | null): number | null {
  return stage?.status === "PENDING" ? stage.readyAt : stage?.status === "SUSPENDED" ? stage.pollAt : null;
}

function hasLostLease({ before, after }: StageStep): boolean {
  if (!before?.lease) return false;
  return after?.executionId !== before.executionId || after.status === "CANCELLED" || after.status === "SKIPPED";
}
