// One leased execution from user code to commit: run, settle, and take over what the commit handed on (P4, P5, P13). Plain job.execute and
// every host's session go through here.
import type { PlannedStage, WorkflowPlan } from "../../define/plan.ts";
import type { ExecutionRef, Job, StageState, Unit, UnitKey } from "../../ports/store.ts";
import type { Taker } from "../rules/open-group.ts";
import { type Outcome, type RetryOwner, type Settled, settle } from "../rules/settle.ts";
import { tell } from "../rules/tell.ts";
import { checkDeclaredOutput, type KernelParts } from "./parts.ts";
import { isStoredAsBlob } from "./payloads.ts";
import { runStage } from "./run-stage.ts";
import { addOutput } from "./run-values.ts";
import { settleExecution } from "./settle-execution.ts";
import { type Tell, Teller } from "./teller.ts";

/** How an execution is carried out. */
export interface ExecuteOptions {
  retry: RetryOwner;
  /** True when the commit that settles the stage also moves the run on. */
  advances: boolean;
  /** Asked at settling: how many stages the commit may hand to this process. */
  taker?: () => Taker | null;
  /** The caller's config map; the run's own when absent. */
  config?: Record<string, unknown> | undefined;
  /** Told when the user code has ended and only the commit is left. */
  onCodeEnded?: () => void;
  /** Completes the caller's idempotency key in the settling commit. */
  keyOf?: (outcome: Outcome) => UnitKey<Settled> | undefined;
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
  const { abort } = held;
  const teller = new Teller(parts.environment, tellOf(parts, job), () => abort.abort(new Error("This execution has lost its stage")));
  try {
    let outcome: Outcome;
    try {
      outcome = await runStage(parts, { plan, planned, job, config: options.config, abort, teller });
    } finally {
      options.onCodeEnded?.();
    }
    const left = teller.close();
    const unitOf = (end: Outcome): Unit<Settled> => settlingUnit(parts, plan, job, options, end, end === outcome ? left : nothingLeft);
    const { ended, settled } = await settleExecution(parts, job, abort, outcome, unitOf);
    const cleaning = afterSettling(parts, job, ended, settled);
    if (cleaning) await cleaning;
    return { ended, settled, outcome: settled.outcome, next: handedJobs(job, ended, settled) };
  } finally {
    teller.close();
    held.end();
  }
}

const nothingLeft: ReturnType<Teller["close"]> = { logs: [], progress: [] };

function settlingUnit(
  parts: KernelParts,
  plan: WorkflowPlan,
  job: Job,
  options: ExecuteOptions,
  outcome: Outcome,
  left: ReturnType<Teller["close"]>,
): Unit<Settled> {
  const key = options.keyOf?.(outcome);
  return {
    runId: job.runId,
    stage: { stageId: job.stageId, item: job.item },
    ...(key && { key }),
    decide: settle({
      plan,
      ref: job,
      outcome,
      from: "RUNNING",
      retry: options.retry,
      advances: options.advances,
      taker: options.taker?.() ?? null,
      ...left,
      checkOutput: (output) => checkDeclaredOutput(parts.registry, plan.workflowId, output),
    }),
  };
}

/** Writes progress and logs under the execution's fence. */
export function tellOf(parts: Pick<KernelParts, "store">, ref: ExecutionRef, from: "RUNNING" | "SUSPENDED" = "RUNNING"): Tell {
  return (logs, progress) =>
    parts.store.transact({ runId: ref.runId, stage: { stageId: ref.stageId, item: ref.item }, decide: tell(ref, from, logs, progress) });
}

/** The scheduler hears of every wait (P12); a discarded result leaves no blob behind (P13): resolves when it is gone. */
export function afterSettling(parts: KernelParts, ref: ExecutionRef, outcome: Outcome, settled: Settled): Promise<void> | null {
  if (settled.wakeAt !== null)
    notifyScheduler(parts, ref, settled.outcome === "suspended" ? "stage.pollSuspended" : "run.claimPending", settled.wakeAt);
  if (settled.outcome !== "discarded" || outcome.kind !== "completed" || !isStoredAsBlob(outcome.output)) return null;
  const { $blob } = JSON.parse(outcome.output) as { $blob: string };
  return parts.blobStore.delete($blob).catch(() => undefined); // swept later otherwise
}

/** Tells the scheduler port when something becomes due; a host that polls does not need it, so its failure is none of the run's. */
export function notifyScheduler(parts: KernelParts, ref: ExecutionRef, commandType: string, at: number): void {
  const payload = { workflowRunId: ref.runId, stageId: ref.stageId, correlationId: `${ref.runId}/${ref.stageId}` };
  Promise.resolve(parts.scheduler.schedule(commandType, payload, new Date(at))).catch(() => undefined);
}

function handedJobs(job: Job, outcome: Outcome, settled: Settled): Job[] {
  if (settled.handed.length === 0) return [];
  const { payloads } = job;
  if (settled.outputs) for (const [stageId, text] of Object.entries(settled.outputs)) addOutput(payloads, stageId, job.group, text);
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
