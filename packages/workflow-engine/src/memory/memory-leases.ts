// Who executes what, and who is gone (P13, P14): leases belong to process instances, and a forgotten one holds nothing.
import type { ExecutionRef, Instance } from "../ports/store.ts";
import { stageRecordId } from "../store/record-ids.ts";
import { putStage } from "./apply-changes.ts";
import type { MemoryTables, StageRow } from "./memory-tables.ts";
import { firstOf } from "./table.ts";
import { liveStages, type TakeContext, touchRun } from "./take.ts";

/** Says that an instance lives. */
export function heartbeat(tables: MemoryTables, instance: Instance, now: number): void {
  tables.instances.set(instance.id, { id: instance.id, workerId: instance.workerId, heartbeatAt: now, isGone: false });
}

/** Says that an instance is gone: what it leased is stale at once. */
export function forget(tables: MemoryTables, instance: Instance): void {
  tables.instances.set(instance.id, { id: instance.id, workerId: instance.workerId, heartbeatAt: 0, isGone: true });
}

/** Leased executions not heard of for `thresholdMs`, the longest silent first. */
export function listStale(tables: MemoryTables, thresholdMs: number, max: number, now: number): ExecutionRef[] {
  const heardAt = (row: StageRow): number => {
    const lease = row.state.lease!;
    const instance = tables.instances.get(lease.instanceId);
    return instance?.isGone ? Number.NEGATIVE_INFINITY : Math.max(lease.lockedAt, instance?.heartbeatAt ?? 0);
  };
  const leased = tables.stages.groupsOf("leased").flatMap((instanceId) => tables.stages.by("leased", instanceId));
  const stale = leased.map((row) => ({ row, at: heardAt(row) })).filter(({ at }) => at < now - thresholdMs);
  return firstOf(stale, max, (a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ row }) => refOf(row));
}

/** Of these executions, those that are no longer RUNNING under their id. */
export function listLost(tables: MemoryTables, held: readonly ExecutionRef[]): ExecutionRef[] {
  return held.filter(({ runId, stageId, item, executionId }) => {
    const stage = tables.stages.get(stageRecordId(runId, stageId, item))?.state;
    const isHeld = stage?.status === "RUNNING" && stage.executionId === executionId && tables.runs.get(runId)?.state.status === "RUNNING";
    return !isHeld;
  });
}

/** Executions leased to this instance. */
export function listLeased(tables: MemoryTables, instance: Instance): ExecutionRef[] {
  return tables.stages.by("leased", instance.id).map(refOf);
}

/** RUNNING runs whose open group ended before `before` and that nobody moved on, the longest stranded first. */
export function listStranded(tables: MemoryTables, before: number, max: number): string[] {
  const stranded = tables.runs.by("status", "RUNNING").flatMap(({ state, updatedAt }) => {
    const at = state.transitionAt ?? (state.open === 0 && state.group > 0 ? updatedAt : null);
    return at !== null && at <= before ? [{ id: state.id, at }] : [];
  });
  return firstOf(stranded, max, (a, b) => a.at - b.at).map(({ id }) => id);
}

/** Queues PENDING stages of RUNNING runs that lost their job, or never had one, before `before` (P17). One that waits for its caller stays. */
export function requeueLost({ tables, now }: Pick<TakeContext, "tables" | "now">, before: number): void {
  for (const { state: run } of tables.runs.by("status", "RUNNING")) {
    const lost = tables.stages.by("run", run.id).filter(({ state, updatedAt }) => {
      const isWaiting = state.readyAt !== null || state.lease !== null || state.waitReason === "caller";
      return state.status === "PENDING" && !isWaiting && updatedAt <= before;
    });
    for (const row of lost) putStage(tables, row, { readyAt: now, waitReason: null }, now);
    if (lost.length > 0) touchRun(tables, run.id, now);
  }
}

/** When waiting work becomes due next: `now` when some is, null when nothing waits. */
export function nextWakeAt(tables: MemoryTables, now: number): number | null {
  const ready = liveStages(tables, tables.stages.by("ready", "yes"), null).map(({ stage }) => stage.state.readyAt!);
  const polled = liveStages(tables, tables.stages.by("polled", "yes"), null).map(({ stage }) => stage.state.pollAt!);
  const queued = tables.runs.groupsOf("queued").flatMap((id) => tables.runs.by("queued", id).map((row) => row.state.queuedAt!));
  let next = Number.POSITIVE_INFINITY;
  for (const at of ready.concat(polled, queued)) next = Math.min(next, Math.max(at, now));
  return Number.isFinite(next) ? next : null;
}

/** Workflow ids of runs and stages that wait for a worker. */
export function listQueuedWorkflowIds(tables: MemoryTables): string[] {
  const waiting = [...tables.stages.by("ready", "yes"), ...tables.stages.by("polled", "yes")];
  const ids = liveStages(tables, waiting, null).map(({ run }) => run.state.workflowId);
  return [...new Set([...tables.runs.groupsOf("queued"), ...ids])].sort();
}

function refOf({ state: { runId, stageId, item, executionId } }: StageRow): ExecutionRef {
  return { runId, stageId, item, executionId };
}
