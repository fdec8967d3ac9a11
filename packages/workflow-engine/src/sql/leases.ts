// Who executes what, and who is gone (P13, P14): leases belong to process instances, and a forgotten one holds nothing.
import type { ExecutionRef, Instance } from "../ports/store.ts";
import type { Session } from "./db.ts";
import {
  deleteInstances,
  listHolders,
  listLeasedTo,
  listSilentInstances,
  listStaleLeases,
  loadHeld,
  lockSilentInstances,
  saveHeartbeats,
} from "./tables/instances.ts";
import { listQueuedRunWorkflows, nextQueuedAt } from "./tables/runs.ts";
import { listQueuedStageWorkflows, nextPollAt, nextReadyAt, readExecutionRef } from "./tables/stages.ts";

const GONE = 0;

/** Says that an instance lives. */
export async function heartbeat(session: Session, instance: Instance, now: number): Promise<void> {
  await session.write(saveHeartbeats, [[instance.id, instance.workerId, now]]);
}

/** Says that an instance is gone: what it leased is stale at once. */
export async function forget(session: Session, instance: Instance): Promise<void> {
  await session.write(saveHeartbeats, [[instance.id, instance.workerId, GONE]]);
}

/** Leased executions not heard of for `thresholdMs`, the longest silent first. Costs next to nothing while every instance is heard of. */
export async function listStale(session: Session, thresholdMs: number, max: number, now: number): Promise<ExecutionRef[]> {
  // a forgotten instance is silent whatever the threshold
  const before = Math.max(now - thresholdMs, GONE + 1);
  const silent = (await session.read(listSilentInstances, [[before]])).map(([id]) => id as string);
  if (silent.length === 0) return [];
  const stale = await session.read(listStaleLeases, [[JSON.stringify(silent), before, max]]);
  if (stale.length === 0) await forgetIdle(session, silent, before);
  return stale.map(readExecutionRef);
}

/**
 * Instances that are silent and hold nothing need not be looked at again; one that lives says so with its next lease or heartbeat. What they
 * hold is looked for once nobody of them can get anything.
 */
async function forgetIdle(session: Session, silent: readonly string[], before: number): Promise<void> {
  const ids = (await session.read(lockSilentInstances, [[JSON.stringify(silent), before]])).map(([id]) => id as string);
  const holders = new Set((await session.read(listHolders, [[JSON.stringify(ids)]])).map(([id]) => id));
  const idle = ids.filter((id) => !holders.has(id));
  if (idle.length > 0) {
    await session.write(
      deleteInstances,
      idle.map((id) => [id]),
    );
  }
}

/** Of these executions, those that are no longer RUNNING under their id. */
export async function listLost(session: Session, held: readonly ExecutionRef[]): Promise<ExecutionRef[]> {
  const rows = await session.read(
    loadHeld,
    held.map(({ runId, stageId, item }) => [runId, stageId, item]),
  );
  const alive = new Set(rows.map((row) => row.join("\0")));
  return held.filter(({ runId, stageId, item, executionId }) => !alive.has([runId, stageId, item, executionId].join("\0")));
}

/** Executions leased to this instance. */
export async function listLeased(session: Session, instance: Instance): Promise<ExecutionRef[]> {
  return (await session.read(listLeasedTo, [[instance.id]])).map(readExecutionRef);
}

/** When waiting work becomes due next: `now` when some is, null when nothing waits. */
export async function findNextWakeAt(session: Session, now: number): Promise<number | null> {
  const [queued] = await session.read(nextQueuedAt, [[now]]);
  const [ready] = await session.read(nextReadyAt, [[]]);
  const [polled] = await session.read(nextPollAt, [[]]);
  const times = [queued, ready, polled].flatMap((row) => (row && row[0] !== null ? [row[0] as number] : []));
  return times.length === 0 ? null : Math.max(now, Math.min(...times));
}

/** Workflow ids of runs and stages that wait for a worker. */
export async function listQueuedWorkflowIds(session: Session): Promise<string[]> {
  const rows = [...(await session.read(listQueuedRunWorkflows, [[]])), ...(await session.read(listQueuedStageWorkflows, [[]]))];
  return [...new Set(rows.map(([id]) => id as string))].sort();
}
