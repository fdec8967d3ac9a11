// Retention (P22): what has served its time goes, a bounded number of rows a pass.
import { isEnded } from "../ports/status.ts";
import type { SweepLimits, SweepResult } from "../ports/store.ts";
import { deleteRunRows, deliveryKey } from "./delete-run.ts";
import type { MemoryTables } from "./memory-tables.ts";
import { keyIdOf } from "./unit-key.ts";

/** Deletes what is older than the limits say. */
export function sweep(tables: MemoryTables, limits: SweepLimits): SweepResult {
  sweepDeadLetters(tables, limits);
  return {
    events: sweepEvents(tables, limits),
    keys: sweepKeys(tables, limits),
    orphans: sweepOrphans(tables, limits),
    runs: sweepRuns(tables, limits),
  };
}

function sweepDeadLetters(tables: MemoryTables, { deadBefore, max }: SweepLimits): void {
  const old = tables.deliveries.by("life", "dead").filter((delivery) => delivery.deadAt! < deadBefore);
  for (const delivery of old.slice(0, max)) tables.deliveries.delete(deliveryKey(delivery.consumer, delivery.event.id));
  const given = tables.outbox
    .by("fresh", "yes")
    .filter((row) => row.marks.size === row.count && [...row.marks.values()].every((mark) => isOver(mark, deadBefore)));
  for (const row of given.slice(0, max)) tables.outbox.delete(String(row.id));
}

/** True for an event of the CRUD port that is published, or dead for so long that it goes. */
function isOver(mark: { publishedAt: number | null; deadAt: number | null }, deadBefore: number): boolean {
  return mark.publishedAt !== null || (mark.deadAt !== null && mark.deadAt < deadBefore);
}

function sweepEvents(tables: MemoryTables, { publishedBefore, max }: SweepLimits): number {
  const isNamed = (id: number): boolean => tables.deliveries.by("row", String(id)).length > 0;
  const old = tables.outbox.by("published", "yes").filter((row) => row.publishedAt! < publishedBefore && !isNamed(row.id));
  const going = old.sort((a, b) => a.id - b.id).slice(0, max);
  for (const row of going) tables.outbox.delete(String(row.id));
  return going.reduce((sum, row) => sum + row.count, 0);
}

function sweepKeys(tables: MemoryTables, { keysBefore, max }: SweepLimits): number {
  // a key whose owner died long ago holds nothing any more
  const old = tables.keys.values().filter((row) => (row.completedAt ?? row.heldUntil) < keysBefore);
  const going = old.slice(0, max);
  for (const row of going) tables.keys.delete(keyIdOf(row.commandType, row.key));
  return going.length;
}

function sweepOrphans(tables: MemoryTables, { publishedBefore, max }: SweepLimits): SweepResult["orphans"] {
  const lost = tables.attempts.by("lost", "yes").filter((attempt) => attempt.endedAt < publishedBefore);
  return lost.slice(0, max).map((attempt) => {
    tables.attempts.set(attempt.id, { ...attempt, isSwept: true });
    const { runId, stageId, item, executionId } = attempt;
    return { runId, stageId, item, executionId, workflowId: tables.runs.get(runId)?.state.workflowId ?? "" };
  });
}

function sweepRuns(tables: MemoryTables, { endedRunsBefore, max }: SweepLimits): SweepResult["runs"] {
  if (endedRunsBefore === null) return [];
  const old = tables.runs
    .values()
    .filter(({ state }) => isEnded(state.status) && state.completedAt !== null && state.completedAt < endedRunsBefore);
  const going = old.slice(0, max).map(({ state }) => ({ runId: state.id, workflowId: state.workflowId }));
  for (const { runId } of going) deleteRunRows(tables, runId);
  return going;
}
