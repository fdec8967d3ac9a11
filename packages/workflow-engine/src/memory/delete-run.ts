// Removes a run with every row that belongs to it (P22). Idempotency keys stay for their own retention: a late repetition of
// the command still gets its first answer.
import type { MemoryTables } from "./memory-tables.ts";

/** Deletes the run, its stages, attempts, logs, artifacts, model calls, budgets, events and deliveries. */
export function deleteRunRows(tables: MemoryTables, runId: string): void {
  for (const row of tables.stages.by("run", runId)) tables.stages.delete(row.id);
  for (const row of tables.attempts.by("run", runId)) tables.attempts.delete(row.id);
  for (const row of tables.logs.by("run", runId)) tables.logs.delete(row.id);
  for (const row of tables.artifacts.by("run", runId)) tables.artifacts.delete(artifactKey(runId, row.key));
  for (const row of tables.outbox.by("run", runId)) tables.outbox.delete(String(row.id));
  for (const delivery of tables.deliveries.by("run", runId)) tables.deliveries.delete(deliveryKey(delivery.consumer, delivery.event.id));
  for (const row of tables.calls.by("run", runId)) tables.calls.delete(row.id);
  for (const row of tables.budgets.by("run", runId)) tables.budgets.delete(budgetKey(runId, row.stageId));
  tables.sequences.delete(runId);
  tables.runs.delete(runId);
}

/** Where a delivery is kept: (consumer, event) is unique. */
export function deliveryKey(consumer: string, eventId: string): string {
  return JSON.stringify([consumer, eventId]);
}

/** Where an artifact is kept: (run, key) is unique. */
export function artifactKey(runId: string, key: string): string {
  return JSON.stringify([runId, key]);
}

/** Where a budget is kept: (run, stage) is unique; null is the run's own. */
export function budgetKey(runId: string, stageId: string | null): string {
  return JSON.stringify([runId, stageId]);
}
