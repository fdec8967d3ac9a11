// The work session: what a host of any kind does with a kernel. Claims and takes hand stages straight to this process; the commit that
// settles one also moves its run on and hands the next (settled question 1).
import type { ExecutionRef, Instance, Job, Poll, StoreSignal } from "../ports/store.ts";
import type { JobExecuteCommand } from "./commands/command.ts";
import { type DeliveryOptions, deliverJob } from "./commands/job-deliver.ts";
import type { ExecutionEnd } from "./commands/job-execute.ts";
import { leaseReapStale } from "./commands/lease-reap-stale.ts";
import { flushForHost } from "./commands/outbox-flush.ts";
import { deleteBlobs } from "./commands/run-delete.ts";
import { runReapStuck } from "./commands/run-reap-stuck.ts";
import { pollEach, pollOne, takePolls } from "./commands/stage-poll-suspended.ts";
import { executeJob, type HostCalls, jobOf } from "./execute/execute-job.ts";
import { type KernelParts, knownWorkflowIds, planOf } from "./execute/parts.ts";
import { outputBlobKey } from "./execute/stage-storage.ts";
import type { Taker } from "./rules/open-group.ts";
import { release } from "./rules/reap.ts";
import { type StartedRun, startRun } from "./rules/start-run.ts";

export type { DeliveryOptions } from "./commands/job-deliver.ts";
export type { ExecutionEnd } from "./commands/job-execute.ts";

/** A worker that knows neither the stage nor its group leaves it for one that does, for this long. */
const unknownStageDelayMs = 5_000;
const sweepMax = 1_000;

/** Answer of a claim: how many runs were started, which, and the stages handed to this process. */
export interface ClaimedWork {
  claimed: number;
  runIds: string[];
  jobs: Job[];
}

/** What the caller of `execute` decides. */
export interface SessionExecuteOptions extends HostCalls {}

/** Everything a host does, for host authors. */
export interface WorkSession {
  readonly instance: Instance;
  /** False when new work is only found by asking, because the store tells nobody. */
  readonly isSignalled: boolean;
  /** False when two processes that flush at once would publish the same events twice. */
  readonly mayFlushAnytime: boolean;
  claim(max: number, slots: number): Promise<ClaimedWork>;
  /** Starts this run, if it is PENDING; its first stages wait in the queue. False when there was nothing to start. */
  begin(runId: string): Promise<boolean>;
  take(max: number): Promise<Job[]>;
  /** Executes a job to its commit; answers the jobs handed on, and whether the job ended as it should. */
  execute(job: Job, options: SessionExecuteOptions): Promise<{ next: Job[]; outcome: string }>;
  /** Executes the job of one delivery by a queue that delivers again what it is not told to forget; the run is moved on in the same commit. */
  deliver(command: JobExecuteCommand, options: DeliveryOptions): Promise<ExecutionEnd>;
  /** Hands jobs back without spending their attempts. */
  release(refs: readonly ExecutionRef[]): Promise<void>;
  /** Executions that the store gives to this process and that do not run. */
  listLeased(): Promise<ExecutionRef[]>;
  /** Aborts these executions and polls where they are under way in this process. */
  abort(refs: readonly ExecutionRef[], reason: unknown): void;
  /** Holds suspended stages that are due, for a look at each. */
  takePolls(max: number): Promise<Poll[]>;
  /** Looks at a stage that is held; one that is ready moves its run on in the same commit. */
  poll(poll: Poll): Promise<void>;
  /** Both in one go; answers how many were looked at. */
  pollSuspended(max: number): Promise<number>;
  /** Publishes events; answers how many are off the outbox. `onPutOff` is told when to publish again at the latest, if something waits. */
  flush(maxEvents: number, onPutOff?: (retryAt: number) => void): Promise<number>;
  reapStale(staleThresholdMs: number): Promise<number>;
  /** Moves runs that nothing else moves and that have been stuck for this long (P17). */
  repair(stuckThresholdMs: number): Promise<number>;
  /** Removes what retention no longer keeps (P22); answers how many rows. */
  sweep(): Promise<number>;
  nextWakeAt(): Promise<number | null>;
  onSignal(listener: (signal: StoreSignal) => void): () => void;
}

/** Opens a session of this kernel under a worker's label. */
export function createSession(parts: KernelParts, workerId: string): WorkSession {
  const { store, executions } = parts;
  const instance: Instance = { id: executions.instance.id, workerId };
  return {
    instance,
    isSignalled: store.handsOver,
    mayFlushAnytime: store.leasesOutbox ?? true,
    claim: (max, slots) => claim(parts, instance, max, slots),
    begin: async (runId) => (await store.transact({ runId, decide: startRun((id) => planOf(parts.registry, id), null) })) !== null,
    deliver: (command, options) => deliverJob(parts, { ...command, workerId: command.workerId ?? workerId }, options),
    take: async (max) => store.takeJobs({ instance, max, workflowIds: await knownWorkflowIds(parts) }),
    execute: (job, options) => execute(parts, instance, job, options),
    release: (refs) => releaseAll(parts, refs, 0),
    listLeased: async () => (await store.listLeased(instance)).filter(({ executionId }) => !executions.has(executionId)),
    abort: (refs, reason) => executions.abort(refs, reason),
    takePolls: (max) => takePolls(parts, max),
    poll: async (poll) => void (await pollOne(parts, poll, true)),
    pollSuspended: async (max) => (await pollEach(parts, await takePolls(parts, max), true)).length,
    flush: async (maxEvents, onPutOff) => {
      const { handled, retryAt } = await flushForHost(parts, maxEvents);
      if (retryAt !== null) onPutOff?.(retryAt);
      return handled;
    },
    reapStale: async (staleThresholdMs) => (await leaseReapStale(parts, { type: "lease.reapStale", staleThresholdMs })).released,
    repair: async (stuckThresholdMs) => {
      const { transitioned, failed } = await runReapStuck(parts, { type: "run.reapStuck", stuckThresholdMs });
      return transitioned + failed;
    },
    sweep: () => sweep(parts),
    nextWakeAt: () => store.nextWakeAt(),
    onSignal: (listener) => store.onSignal(listener),
  };
}

async function claim(parts: KernelParts, instance: Instance, max: number, slots: number): Promise<ClaimedWork> {
  const takerOf = sharedSlots(instance, parts.store.handsOver ? slots : 0);
  const start = (runId: string | undefined) => startRun((id) => planOf(parts.registry, id), takerOf(runId ?? ""));
  const workflowIds = await knownWorkflowIds(parts);
  const started = await parts.store.claimRuns({ max, workflowIds }, (snapshot, now) => {
    const changes = start(snapshot.run?.id)(snapshot, now);
    takerOf.used(snapshot.run?.id ?? "", changes.result?.handed.length ?? 0);
    return changes;
  });
  const runs = started.filter((run): run is StartedRun => run !== null);
  return {
    claimed: runs.length,
    runIds: runs.map((run) => run.workflowRunId),
    jobs: runs.flatMap((run) => run.handed.map((stage) => jobOf(stage, run.workflowId, run.priority, run.payloads))),
  };
}

/** Shares `slots` among the runs of one claim; a run that is decided again gets what it got before. */
function sharedSlots(instance: Instance, slots: number): ((runId: string) => Taker | null) & { used(runId: string, count: number): void } {
  const granted = new Map<string, number>();
  let sum = 0;
  const takerOf = (runId: string): Taker | null => {
    const left = slots - sum + (granted.get(runId) ?? 0);
    return left > 0 ? { instance, slots: left } : null;
  };
  const used = (runId: string, count: number): void => {
    sum += count - (granted.get(runId) ?? 0);
    granted.set(runId, count);
  };
  return Object.assign(takerOf, { used });
}

function execute(
  parts: KernelParts,
  instance: Instance,
  job: Job,
  calls: SessionExecuteOptions,
): Promise<{ next: Job[]; outcome: string }> {
  const plan = planOf(parts.registry, job.workflowId);
  const planned = plan?.getStage(job.stageId);
  if (!plan || !planned || planned.executionGroup !== job.group) {
    return releaseAll(parts, [job], unknownStageDelayMs).then(() => ({ next: [], outcome: "released" }));
  }
  return executeJob(parts, plan, planned, job, { retry: "engine", advances: true, host: { instance, calls } });
}

async function releaseAll(parts: KernelParts, refs: readonly ExecutionRef[], delayMs: number): Promise<void> {
  await Promise.all(
    refs.map((ref) =>
      parts.store.transact({ runId: ref.runId, stage: { stageId: ref.stageId, item: ref.item }, decide: release(ref, delayMs) }),
    ),
  );
}

async function sweep(parts: KernelParts): Promise<number> {
  const { environment, retention, store, blobStore } = parts;
  const now = environment.now();
  const swept = await store.sweep({
    publishedBefore: now - retention.publishedEventsMs,
    deadBefore: now - retention.deadLettersMs,
    keysBefore: now - retention.idempotencyKeysMs,
    endedRunsBefore: retention.endedRunsMs === null ? null : now - retention.endedRunsMs,
    max: sweepMax,
  });
  for (const { runId, workflowId } of swept.runs) await deleteBlobs(parts, workflowId, runId);
  for (const { workflowId, runId, stageId, executionId } of swept.orphans) {
    await blobStore.delete(outputBlobKey(workflowId, runId, stageId, executionId));
  }
  return swept.events + swept.keys + swept.runs.length + swept.orphans.length;
}
