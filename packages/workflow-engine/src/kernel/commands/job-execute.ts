// job.execute: starts one stage, runs it outside any transaction, settles it; run.transition opens the next group (settled questions 1 to 3).

import { canonicalJson, hashText } from "../../define/fingerprint.ts";
import { WorkflowEngineError } from "../../errors.ts";
import { isBlobReference } from "../../ports/blob-store.ts";
import type { Instance, Job, StageState, UnitKey } from "../../ports/store.ts";
import { parseJobId } from "../../store/record-ids.ts";
import { executeJob } from "../execute/execute-job.ts";
import { type KernelParts, requireWorkflow } from "../execute/parts.ts";
import { loadPayload } from "../execute/payloads.ts";
import { type Reaped, release } from "../rules/reap.ts";
import type { Outcome, RetryOwner, Settled } from "../rules/settle.ts";
import { type StageStart, startStage } from "../rules/start-stage.ts";
import type { JobExecuteCommand, JobExecuteResult } from "./command.ts";
import { requireText } from "./fields.ts";

const keyLeaseMs = 60_000;

/** A start that is new, or the answer of one that has ended. */
type Start = StageStart | { kind: "replayed"; result: JobExecuteResult };

/** What a host adds to the command. */
export interface ExecutionOptions {
  /** True when the commit that settles the stage also moves its run on. */
  advances: boolean;
  /** Milliseconds until the key of a process that died frees itself. */
  keyLeaseMs: number;
  /** Gives the stage back when it aborts, without spending the attempt. */
  handBack?: AbortSignal | undefined;
}

/** How an execution ended, and when its caller should deliver it again. */
export interface ExecutionEnd {
  result: JobExecuteResult;
  /** False when nothing was executed: the answer is that of an earlier execution, or a refusal. */
  isExecuted: boolean;
  /** Milliseconds until it is worth another try; null when there will be none, or the engine sees to it. */
  retryAfterMs: number | null;
}

/** Executes one stage of a run. */
export async function jobExecute(parts: KernelParts, command: JobExecuteCommand): Promise<JobExecuteResult> {
  return (await executeStage(parts, command, { advances: false, keyLeaseMs })).result;
}

/** The same for hosts: in one commit with what follows, and given back when the host has to stop. */
export async function executeStage(parts: KernelParts, command: JobExecuteCommand, options: ExecutionOptions): Promise<ExecutionEnd> {
  const runId = requireText(command, "workflowRunId");
  const { plan } = requireWorkflow(parts.registry, requireText(command, "workflowId"));
  const planned = plan.requireStage(requireText(command, "stageId"));
  // the key is held under this call alone: a rival in this process is a rival too, and what a lost execution leaves is not its successor's
  const owner = parts.environment.newId();
  const start = await begin(parts, command, runId, owner, options.keyLeaseMs);
  if (start.kind !== "started") return { result: await answerOf(parts, command, start), isExecuted: false, retryAfterMs: null };
  const job = await loadJob(parts, plan.workflowId, start.stage);
  const handing = watchHandBack(parts, command, job, owner, options.handBack);
  try {
    const { ended: outcome, settled } = await executeJob(parts, plan, planned, job, {
      retry: retryOwnerOf(command),
      advances: options.advances,
      config: command.config,
      keyOf: (ended) => settleKey(command, ended, owner, job),
    });
    if (settled.outcome === "discarded" && (await handing.isHandedBack())) return handedBack;
    const isCallers = settled.outcome === "retrying" && settled.wakeAt === null && outcome.kind === "failed";
    return {
      result: await withOutput(parts, resultOf(outcome, settled)),
      isExecuted: true,
      retryAfterMs: isCallers ? outcome.delayMs : null,
    };
  } finally {
    handing.stop();
  }
}

const handedBack: ExecutionEnd = {
  result: { outcome: "failed", error: "Handed back: the time budget was over before the stage had ended", retryable: true },
  isExecuted: true,
  retryAfterMs: 0,
};

/** Gives the stage back to who retries it, and then aborts its code, as soon as the host says so. */
function watchHandBack(
  parts: KernelParts,
  command: JobExecuteCommand,
  job: Job,
  owner: string,
  signal: AbortSignal | undefined,
): { isHandedBack(): Promise<boolean>; stop(): void } {
  let released: Promise<boolean> = Promise.resolve(false);
  const giveBack = (): void => {
    const next = retryOwnerOf(command) === "caller" ? "caller" : "worker";
    const key = keyOf<Reaped>(command, owner, "release", () => ({ outcome: "discarded" }));
    const unit = { runId: job.runId, stage: { stageId: job.stageId, item: job.item }, ...(key && { key }), decide: release(job, 0, next) };
    released = parts.store
      .transact(unit)
      .then(
        ({ outcome }) => outcome === "released",
        () => false, // found when its lease is stale
      )
      .finally(() => parts.executions.abort([job], signal?.reason));
  };
  if (signal?.aborted) giveBack();
  else signal?.addEventListener("abort", giveBack, { once: true });
  return { isHandedBack: () => released, stop: () => signal?.removeEventListener("abort", giveBack) };
}

/** What a started stage reads; one that cannot be read is given back, without spending its attempt. */
async function loadJob(parts: KernelParts, workflowId: string, stage: StageState): Promise<Job> {
  const { runId, stageId, item, executionId, group, number, attempt, maxAttempts } = stage;
  const ref = { runId, stageId, item, executionId };
  try {
    const payloads = await parts.store.loadPayloads(runId);
    if (!payloads) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
    const resume = await parts.store.loadResume(ref);
    const startedAt = stage.startedAt ?? parts.environment.now();
    return { ...ref, group, number, attempt, maxAttempts, payloads, resume, workflowId, priority: 0, startedAt };
  } catch (error) {
    await parts.store.transact({ runId, stage: { stageId, item }, decide: release(ref) }).catch(() => undefined); // found when it is stale
    throw error;
  }
}

/** The answer with the value of an output that is kept in the blob store. */
async function withOutput(parts: KernelParts, result: JobExecuteResult): Promise<JobExecuteResult> {
  return isBlobReference(result.output) ? { ...result, output: await parts.blobStore.get(result.output.$blob) } : result;
}

function retryOwnerOf(command: JobExecuteCommand): RetryOwner {
  return command.retry ?? (command.jobId === undefined && command.executionId === undefined ? "nobody" : "engine");
}

function begin(parts: KernelParts, command: JobExecuteCommand, runId: string, owner: string, leaseMs: number): Promise<Start> {
  const instance: Instance = { ...parts.executions.instance, workerId: command.workerId ?? parts.executions.instance.workerId };
  const { jobId, attempt, maxAttempts } = command;
  // a job of ours names its execution, so that one left over from before a rerun starts nothing (P9)
  const executionId = command.executionId ?? (jobId === undefined ? undefined : parseJobId(jobId)?.executionId);
  const key = keyOf<Start>(command, owner, "hold", (stored) => ({ kind: "replayed", result: reviveResult(stored) }));
  return parts.store.transact<Start>({
    runId,
    stage: { stageId: command.stageId, item: 0 },
    ...(key && { key: { ...key, leaseMs, resultOf: () => null } }),
    decide: startStage(runId, { instance, executionId, attempt, maxAttempts }),
  });
}

/** The caller's key is completed with the result, or free again for a caller that is to deliver the same command once more. */
function settleKey(command: JobExecuteCommand, outcome: Outcome, owner: string, job: Job): UnitKey<Settled> | undefined {
  const mayRetry = outcome.kind === "failed" && outcome.isRetryable && job.attempt < job.maxAttempts;
  const mode = mayRetry && retryOwnerOf(command) === "caller" ? "release" : "settle";
  const lost: Settled = { outcome: "discarded", wakeAt: null, advance: "waiting", handed: [], outputs: null };
  const key = keyOf<Settled>(command, owner, mode, () => lost);
  return key && { ...key, resultOf: (settled) => resultOf(outcome, settled) };
}

function keyOf<R>(
  command: JobExecuteCommand,
  owner: string,
  mode: UnitKey<R>["mode"],
  replay: (stored: unknown) => R,
): UnitKey<R> | undefined {
  const { idempotencyKey: key, type: commandType } = command;
  return key === undefined ? undefined : { key, commandType, hash: hashOf(command), mode, owner, resultOf: () => null, replay };
}

function hashOf({ workflowRunId, workflowId, stageId }: JobExecuteCommand): string {
  return hashText(canonicalJson([workflowRunId, workflowId, stageId]));
}

async function answerOf(
  parts: KernelParts,
  command: JobExecuteCommand,
  start: Exclude<Start, { kind: "started" }>,
): Promise<JobExecuteResult> {
  if (start.kind === "replayed") return withOutput(parts, start.result);
  if (start.kind === "completed") {
    const payloads = await parts.store.loadPayloads(command.workflowRunId);
    return { outcome: "completed", output: await loadPayload(payloads?.outputs[command.stageId] ?? "null", parts.blobStore) };
  }
  if (start.kind === "suspended")
    return { outcome: "suspended", ...(start.nextPollAt !== null && { nextPollAt: new Date(start.nextPollAt) }) };
  const isBusy = start.reason === "in progress";
  return { outcome: "failed", error: start.reason, retryable: isBusy, ...(!isBusy && { discarded: true }) };
}

function resultOf(outcome: Outcome, settled: Settled): JobExecuteResult {
  if (settled.outcome === "discarded") {
    return { outcome: "failed", error: "This execution had lost its stage: its result was discarded", discarded: true };
  }
  if (outcome.kind === "completed") return { outcome: "completed", output: JSON.parse(outcome.output) };
  if (outcome.kind === "suspended") return { outcome: "suspended", nextPollAt: new Date(outcome.nextPollAt) };
  if (outcome.kind === "held") return { outcome: "suspended" };
  const willRetry = settled.outcome === "retrying";
  return {
    outcome: "failed",
    error: outcome.error,
    ...(willRetry && { retryable: true }),
    ...(willRetry && settled.wakeAt !== null && { nextPollAt: new Date(settled.wakeAt) }),
  };
}

function reviveResult(stored: unknown): JobExecuteResult {
  const result = stored as JobExecuteResult;
  return result.nextPollAt === undefined ? result : { ...result, nextPollAt: new Date(result.nextPollAt) };
}
