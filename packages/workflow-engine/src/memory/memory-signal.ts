// Tells listeners what a commit means for them (P16), read off the rows it changed: whoever wrote them, every door signals.
import { isEnded } from "../ports/status.ts";
import type { Delivery, StoreSignal } from "../ports/store.ts";
import type { Layer } from "./journal.ts";
import type { MemoryTables, OutboxRow, RunRow, StageRow } from "./memory-tables.ts";
import { hasLiveEvents } from "./outbox-rows.ts";

/** What changed of one row. */
interface RowChange<V> {
  before: V | undefined;
  after: V | undefined;
}

/** The signal of a commit; null when nobody has to know of it. */
export function signalOf(tables: MemoryTables, committed: Layer, now: number): StoreSignal | null {
  const runs = tables.runs.changesOf(committed);
  const stages = tables.stages.changesOf(committed);
  const waits = [...runs.flatMap(newRunWaits), ...stages.flatMap(newStageWaits)];
  const later = waits.filter((at) => at > now);
  const signal: StoreSignal = {
    hasWork: later.length < waits.length,
    hasEvents: tables.outbox.changesOf(committed).some(isNewEvent) || tables.deliveries.changesOf(committed).some(isReplayed),
    mayHaveLost: runs.some(isRunLost) || stages.some(isExecutionLost),
    wakeAt: later.length > 0 ? later.reduce((a, b) => Math.min(a, b)) : null,
    ended: runs.flatMap(({ before, after }) => (after && isEnded(after.state.status) && !isEndedRow(before) ? [after.state.id] : [])),
  };
  return signal.hasWork || signal.hasEvents || signal.mayHaveLost || signal.wakeAt !== null || signal.ended?.length ? signal : null;
}

function isNewEvent({ before, after }: RowChange<OutboxRow>): boolean {
  return after !== undefined && hasLiveEvents(after) && !(before && hasLiveEvents(before));
}

function isReplayed({ before, after }: RowChange<Delivery>): boolean {
  return before !== undefined && before.deadAt !== null && after?.deadAt === null;
}

function newRunWaits({ before, after }: RowChange<RunRow>): number[] {
  const at = after?.state.status === "PENDING" ? after.state.queuedAt : null;
  return at !== null && at !== before?.state.queuedAt ? [at] : [];
}

function newStageWaits({ before, after }: RowChange<StageRow>): number[] {
  const wait = (row: StageRow | undefined): number | null =>
    row?.state.status === "PENDING" ? row.state.readyAt : row?.state.status === "SUSPENDED" ? row.state.pollAt : null;
  const at = wait(after);
  return at !== null && at !== wait(before) ? [at] : [];
}

function isEndedRow(row: RunRow | undefined): boolean {
  return row !== undefined && isEnded(row.state.status);
}

function isRunLost({ before, after }: RowChange<RunRow>): boolean {
  // a run that completes has nothing left that anybody could hold
  return before?.state.status === "RUNNING" && after?.state.status !== "RUNNING" && after?.state.status !== "COMPLETED";
}

function isExecutionLost({ before, after }: RowChange<StageRow>): boolean {
  if (!before?.state.lease) return false;
  const isTaken = after?.state.executionId !== before.state.executionId;
  return isTaken || after?.state.status === "CANCELLED" || after?.state.status === "SKIPPED";
}
