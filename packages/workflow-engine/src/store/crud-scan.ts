// What only a look at every unfinished run can tell on the CRUD port: stale leases, stranded runs, jobs that a queue lost (P14, P17).
// The port has no table of instances and no index of leases; these looks belong to the safety-net tick.
import type { EnqueueJobInput } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { RunRecord } from "../ports/run.ts";
import type { StageQuery } from "../ports/stage.ts";
import type { Changes, Decide, ExecutionRef, StageState, SweepLimits, SweepResult, Unit } from "../ports/store.ts";
import { jobOf } from "./crud-changes.ts";
import { type LoadedRun, queuedAtOf, toLoadedRun, toStageState } from "./crud-state.ts";
import { jobIdOf } from "./record-ids.ts";

const atOnce = 16;
const farAheadMs = 366 * 24 * 60 * 60_000;

/** Every RUNNING run with its stages, or those of one status; the record's run is counted by what was loaded. */
export async function scanRunning(persistence: Persistence, query?: StageQuery): Promise<LoadedRun[]> {
  const runs = await persistence.getRunsByStatus("RUNNING");
  const loaded: LoadedRun[] = [];
  for (let i = 0; i < runs.length; i += atOnce) {
    const load = async (run: RunRecord): Promise<LoadedRun> => toLoadedRun(run, await persistence.getStagesByRun(run.id, query));
    loaded.push(...(await Promise.all(runs.slice(i, i + atOnce).map(load))));
  }
  return loaded;
}

/** Executions under a lease, the longest silent first. */
export async function scanLeases(persistence: Persistence): Promise<Array<{ ref: ExecutionRef; instanceId: string; lockedAt: number }>> {
  const runs = await scanRunning(persistence, { status: "RUNNING" });
  const leases = runs.flatMap(({ stages }) => stages.flatMap((stage) => (stage.lease ? [{ ...stage.lease, ref: refOf(stage) }] : [])));
  return leases.sort((a, b) => a.lockedAt - b.lockedAt);
}

/** RUNNING runs whose open group ended before `before` and that nobody moved on, the longest stranded first. */
export function strandedOf(runs: readonly LoadedRun[], before: number): string[] {
  const stranded = runs.flatMap(({ run, record }) => {
    const at = run.transitionAt ?? (run.open === 0 && run.group > 0 ? record.updatedAt.getTime() : null);
    return at !== null && at <= before ? [{ id: run.id, at }] : [];
  });
  return stranded.sort((a, b) => a.at - b.at).map(({ id }) => id);
}

/** A queue that still has not delivered after this many waits may have ended the job, and would ignore its id for ever. */
const waitsUntilAnotherJob = 10;

/** Jobs of queued stages that nothing has moved for `afterMs`: the queue may have lost them. Twice the same job changes nothing. */
export function lostJobsOf(runs: readonly LoadedRun[], afterMs: number, now: number): EnqueueJobInput[] {
  return runs.flatMap(({ record, stages, stageRecords }) =>
    stages.flatMap((stage, i) => {
      // one that waits for its caller is the caller's; one without a time that waits for nobody never had a job
      if (stage.status !== "PENDING" || (stage.readyAt === null && stage.waitReason !== null)) return [];
      const waits = Math.floor((now - Math.max(stage.readyAt ?? 0, stageRecords[i]!.updatedAt.getTime())) / afterMs);
      if (waits < 1) return [];
      const round = Math.floor(waits / waitsUntilAnotherJob);
      return [jobOf(record, stage, round === 0 ? jobIdOf(stage) : `${jobIdOf(stage)}/${round}`)];
    }),
  );
}

/** Sends the jobs of queued stages again that nothing has moved for too long. */
export async function repairJobs(
  runs: readonly LoadedRun[],
  { transport, repairAfterMs, now }: { transport: JobTransport; repairAfterMs: number; now: number },
  transact: (unit: Unit<null>) => Promise<null>,
): Promise<void> {
  const { resendAfterMs } = transport;
  if (resendAfterMs === undefined) {
    const lost = lostJobsOf(runs, repairAfterMs, now);
    if (lost.length > 0) await transport.enqueueParallel(lost);
    return;
  }
  for (const ref of unmovedOf(runs, resendAfterMs, now)) await transact({ runId: ref.runId, stage: ref, decide: sendAgain(ref) });
}

/** Queued stages that nothing has moved for `afterMs`, those included that wait for their caller to deliver them again. */
function unmovedOf(runs: readonly LoadedRun[], afterMs: number, now: number): ExecutionRef[] {
  return runs.flatMap(({ stages, stageRecords }) =>
    stages.flatMap((stage, i) => {
      const isQueued = stage.status === "PENDING" && (stage.readyAt !== null || stage.waitReason === "caller");
      const since = Math.max(stage.readyAt ?? 0, stageRecords[i]!.updatedAt.getTime());
      return isQueued && now - since >= afterMs ? [refOf(stage)] : [];
    }),
  );
}

/** Queues a stage anew under the execution it waits for: the commit sends its job again. */
function sendAgain({ executionId }: ExecutionRef): Decide<null> {
  return ({ run, stage }, now): Changes<null> => {
    if (run?.status !== "RUNNING" || stage?.status !== "PENDING" || stage.executionId !== executionId) return { result: null };
    return { result: null, stages: [{ stageId: stage.stageId, item: stage.item, set: { readyAt: now } }], run: {} };
  };
}

/** Of these executions, those that are no longer RUNNING under their id. */
export async function lostOf(persistence: Persistence, held: readonly ExecutionRef[]): Promise<ExecutionRef[]> {
  const checks = [...Map.groupBy(held, (ref) => ref.runId)].map(async ([runId, refs]) => {
    if ((await persistence.getRunStatus(runId)) !== "RUNNING") return refs;
    const stages = await persistence.getStagesByRun(runId, { status: "RUNNING" });
    const running = new Set(stages.map((stage) => toStageState(stage).executionId));
    return refs.filter((ref) => !running.has(ref.executionId));
  });
  return (await Promise.all(checks)).flat();
}

/** When a queued run or a poll becomes due next; null when none waits. */
export async function nextDueAt(persistence: Persistence, now: number): Promise<number | null> {
  const queued = (await persistence.getRunsByStatus("PENDING")).map(queuedAtOf);
  const suspended = await persistence.getSuspendedStages(new Date(now + farAheadMs));
  const polls = suspended.map((stage) => stage.nextPollAt?.getTime() ?? null);
  const instants = [...queued, ...polls].filter((at) => at !== null);
  return instants.length === 0
    ? null
    : Math.max(
        now,
        instants.reduce((a, b) => Math.min(a, b)),
      );
}

/** Names the execution that a stage is at. */
export function refOf({ runId, stageId, item, executionId }: StageState): ExecutionRef {
  return { runId, stageId, item, executionId };
}

/** Deletes runs that ended before the limit, when the persistence can. */
export async function sweepRuns(persistence: Persistence, limits: SweepLimits): Promise<SweepResult["runs"]> {
  const { endedRunsBefore, max } = limits;
  if (endedRunsBefore === null || !persistence.deleteRun) return [];
  const swept: SweepResult["runs"] = [];
  for (const status of ["COMPLETED", "FAILED", "CANCELLED"] as const) {
    const ended = await persistence.getRunsByStatus(status);
    const old = ended.filter((run) => run.completedAt !== null && run.completedAt.getTime() < endedRunsBefore);
    for (const { id, workflowId } of old.slice(0, max - swept.length)) {
      await persistence.deleteRun(id);
      swept.push({ runId: id, workflowId });
    }
  }
  return swept;
}
