// One leased execution from user code to commit: run, settle, and take over what the commit handed on (P4, P5, P13). Plain job.execute and
// every host's session go through here.
import type { PlannedStage, WorkflowPlan } from "../../define/plan.ts";
import type { ExecutionRef, Instance, Job, StageState, Unit, UnitKey } from "../../ports/store.ts";
import type { Taker } from "../rules/open-group.ts";
import { type Outcome, type RetryOwner, type Settled, settle } from "../rules/settle.ts";
import { type KernelParts, outputCheckOf } from "./parts.ts";
import { isStoredAsBlob } from "./payloads.ts";
import { runStage } from "./run-stage.ts";
import { addOutput } from "./run-values.ts";
import { type SettledExecution, settleAgain } from "./settle-again.ts";
import { StageExecution } from "./stage-execution.ts";
import type { Untold } from "./teller.ts";

/** How an execution is carried out. */
export interface ExecuteOptions {
  retry: RetryOwner;
  /** True when the commit that settles the stage also moves the run on. */
  advances: boolean;
  /** The caller's config map; the run's own when absent. */
  config?: Record<string, unknown> | undefined;
  /** The host that executes; absent where stages are handed to nobody. */
  host?: ExecutingHost;
  /** Completes the caller's idempotency key in the settling commit. */
  keyOf?: (outcome: Outcome) => UnitKey<Settled> | undefined;
}

/** A host, as far as it takes part in an execution. */
export interface ExecutingHost {
  instance: Instance;
  calls: HostCalls;
}

/** What a host is told and asked of each execution. */
export interface HostCalls {
  /** Told when the user code has ended and only the commit is left. */
  onCodeEnded(): void;
  /** How many stages the settling commit may hand to this process. */
  slots(): number;
}

/** What became of an execution. */
export interface Executed {
  /** How its code ended, as it was stored. */
  ended: Outcome;
  settled: Settled;
  outcome: Settled["outcome"];
  /** Stages handed to this process by the settling commit. */
  next: Job[];
}

/** Executes a leased job and settles it. Rejects only when the store stays out of reach: the job is then given back and executed again. */
export async function executeJob(
  parts: KernelParts,
  plan: WorkflowPlan,
  planned: PlannedStage,
  job: Job,
  options: ExecuteOptions,
): Promise<Executed> {
  const held = parts.executions.hold(job);
  const execution = new StageExecution(parts, plan, planned, job, held.abort, options.config);
  try {
    const outcome = await runStage(parts, execution);
    options.host?.calls.onCodeEnded();
    const closing = execution.close();
    const untold = closing instanceof Promise ? await closing : closing;
    let ended = outcome;
    let settled: Settled;
    try {
      settled = await parts.store.transact(settlingUnit(parts, execution, options, outcome, untold));
    } catch (error) {
      ({ ended, settled } = await tryAgain(parts, execution, options, error, outcome, untold));
    }
    const cleaning = afterSettling(parts, job, ended, settled);
    if (cleaning) await cleaning;
    return { ended, settled, outcome: settled.outcome, next: handedJobs(job, ended, settled) };
  } finally {
    void execution.close();
    held.end();
  }
}

/** What was not told yet goes with the outcome that it belongs to, not with the failure that takes its place. */
function tryAgain(
  parts: KernelParts,
  execution: StageExecution,
  options: ExecuteOptions,
  error: unknown,
  outcome: Outcome,
  untold: Untold,
): Promise<SettledExecution> {
  const unitOf = (end: Outcome): Unit<Settled> => settlingUnit(parts, execution, options, end, end === outcome ? untold : nothing);
  return settleAgain(parts, execution.job, execution.abort, error, outcome, unitOf);
}

const nothing: Untold = { logs: [], progress: [] };

function settlingUnit(
  parts: KernelParts,
  { plan, job }: StageExecution,
  options: ExecuteOptions,
  outcome: Outcome,
  { logs, progress }: Untold,
): Unit<Settled> {
  const { retry, advances } = options;
  const taker = takerOf(parts, options);
  const checkOutput = outputCheckOf(parts.registry, plan.workflowId);
  const decide = settle({ plan, ref: job, outcome, from: "RUNNING", retry, advances, taker, logs, progress, checkOutput });
  const key = options.keyOf?.(outcome);
  return key ? { runId: job.runId, stage: job, key, decide } : { runId: job.runId, stage: job, decide };
}

/** Asked at settling: how many stages the commit may hand to this process. */
function takerOf({ store }: KernelParts, { host }: ExecuteOptions): Taker | null {
  const slots = host && store.handsOver ? host.calls.slots() : 0;
  return host && slots > 0 ? { instance: host.instance, slots } : null;
}

/** The scheduler hears of every wait (P12); a discarded result leaves no blob behind (P13): resolves when it is gone. */
export function afterSettling(parts: KernelParts, ref: ExecutionRef, outcome: Outcome, settled: Settled): Promise<void> | null {
  if (settled.wakeAt !== null)
    notifyScheduler(parts, ref, settled.outcome === "suspended" ? "stage.pollSuspended" : "run.claimPending", settled.wakeAt);
  if (settled.outcome !== "discarded" || outcome.kind !== "completed" || !isStoredAsBlob(outcome.output)) return null;
  return deleteUnnamed(parts, ref, outcome.output).catch(() => undefined); // swept later otherwise
}

/** A commit whose answer was lost stands, and the one after it was told that its stage is gone: the row then names the blob. */
async function deleteUnnamed({ store, blobStore }: KernelParts, { runId, stageId }: ExecutionRef, output: string): Promise<void> {
  if ((await store.loadPayloads(runId))?.outputs[stageId] === output) return;
  const { $blob } = JSON.parse(output) as { $blob: string };
  await blobStore.delete($blob);
}

/** Tells the scheduler port when something becomes due; a host that polls does not need it, so its failure is none of the run's. */
export function notifyScheduler(parts: KernelParts, ref: ExecutionRef, commandType: string, at: number): void {
  const payload = { workflowRunId: ref.runId, stageId: ref.stageId, correlationId: `${ref.runId}/${ref.stageId}` };
  Promise.resolve(parts.scheduler.schedule(commandType, payload, new Date(at))).catch(() => undefined);
}

function handedJobs(job: Job, outcome: Outcome, settled: Settled): Job[] {
  if (settled.handed.length === 0) return [];
  const { payloads } = job;
  const { outputs } = settled;
  if (outputs) for (const stageId in outputs) addOutput(payloads, stageId, job.group, outputs[stageId]!);
  else if (outcome.kind === "completed") addOutput(payloads, job.stageId, job.group, outcome.output);
  return settled.handed.map((stage) => jobOf(stage, job.workflowId, job.priority, payloads));
}

/** The job of a stage that was handed over as it was opened. */
export function jobOf(stage: StageState, workflowId: string, priority: number, payloads: Job["payloads"]): Job {
  return {
    runId: stage.runId,
    stageId: stage.stageId,
    item: stage.item,
    executionId: stage.executionId,
    workflowId,
    group: stage.group,
    number: stage.number,
    priority,
    attempt: stage.attempt,
    maxAttempts: stage.maxAttempts,
    startedAt: stage.startedAt ?? 0,
    payloads,
    resume: null,
  };
}
