// job.execute: starts one stage, runs it outside any transaction, settles it; run.transition opens the next group (settled questions 1 to 3).

import { canonicalJson, hashText } from "../../define/fingerprint.ts";
import { WorkflowEngineError } from "../../errors.ts";
import { isBlobReference } from "../../ports/blob-store.ts";
import type { Instance, Job, StageState, UnitKey } from "../../ports/store.ts";
import { parseJobId } from "../../store/record-ids.ts";
import { executeJob } from "../execute/execute-job.ts";
import { type KernelParts, requireWorkflow } from "../execute/parts.ts";
import { loadPayload } from "../execute/payloads.ts";
import { release } from "../rules/reap.ts";
import type { Outcome, RetryOwner, Settled } from "../rules/settle.ts";
import { type StageStart, startStage } from "../rules/start-stage.ts";
import type { JobExecuteCommand, JobExecuteResult } from "./command.ts";
import { requireText } from "./fields.ts";

const keyLeaseMs = 60_000;

/** A start that is new, or the answer of one that has ended. */
type Start = StageStart | { kind: "replayed"; result: JobExecuteResult };

/** Executes one stage of a run. */
export async function jobExecute(parts: KernelParts, command: JobExecuteCommand): Promise<JobExecuteResult> {
  const runId = requireText(command, "workflowRunId");
  const { plan } = requireWorkflow(parts.registry, requireText(command, "workflowId"));
  const planned = plan.requireStage(requireText(command, "stageId"));
  // the key is held under this call alone: a rival in this process is a rival too, and what a lost execution leaves is not its successor's
  const owner = parts.environment.newId();
  const start = await begin(parts, command, runId, owner);
  if (start.kind !== "started") return answerOf(parts, command, start);
  const job = await loadJob(parts, plan.workflowId, start.stage);
  const { outcome, settled } = await executeJob(parts, plan, planned, job, {
    retry: retryOwnerOf(command),
    advances: false,
    config: command.config,
    keyOf: (ended) => settleKey(command, ended, owner),
  });
  return withOutput(parts, resultOf(outcome, settled));
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

function begin(parts: KernelParts, command: JobExecuteCommand, runId: string, owner: string): Promise<Start> {
  const instance: Instance = { ...parts.executions.instance, workerId: command.workerId ?? parts.executions.instance.workerId };
  const { jobId, attempt, maxAttempts, idempotencyKey: key } = command;
  // a job of ours names its execution, so that one left over from before a rerun starts nothing (P9)
  const executionId = command.executionId ?? (jobId === undefined ? undefined : parseJobId(jobId)?.executionId);
  return parts.store.transact<Start>({
    runId,
    stage: { stageId: command.stageId, item: 0 },
    ...(key !== undefined && {
      key: {
        ...{ key, commandType: command.type, hash: hashOf(command), mode: "hold" as const, owner, leaseMs: keyLeaseMs },
        resultOf: () => null,
        replay: (stored: unknown): Start => ({ kind: "replayed", result: reviveResult(stored) }),
      },
    }),
    decide: startStage(runId, { instance, executionId, attempt, maxAttempts }),
  });
}

function settleKey(command: JobExecuteCommand, outcome: Outcome, owner: string): UnitKey<Settled> | undefined {
  const { idempotencyKey: key } = command;
  if (key === undefined) return undefined;
  return {
    ...{ key, commandType: command.type, hash: hashOf(command), mode: "settle" as const, owner },
    resultOf: (settled) => resultOf(outcome, settled),
    replay: () => ({ outcome: "discarded", wakeAt: null, advance: "waiting", handed: [], outputs: null }),
  };
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
