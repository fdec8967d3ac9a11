// Looks at one suspended stage: calls checkCompletion outside any transaction and says what should follow (P10). A throw is transient;
// only an explicit error, a FatalError or the end of the wait fails the stage.
import type { CompletionResult, SuspendedState } from "../../define/outcome.ts";
import type { PlannedStage, WorkflowPlan } from "../../define/plan.ts";
import { errorCodeOf } from "../../errors.ts";
import type { JsonText, Poll } from "../../ports/store.ts";
import { stageRecordId } from "../../store/record-ids.ts";
import { backoffMs } from "../rules/backoff.ts";
import type { Outcome } from "../rules/settle.ts";
import type { Abort } from "./abort.ts";
import { describeError, parsePart } from "./failures.ts";
import { toJson } from "./payloads.ts";
import { metricsOf, storeOutput } from "./run-stage.ts";
import { aiBindingOf, LazyAI } from "./stage-ai.ts";
import type { ExecutionServices } from "./stage-execution.ts";
import { createStageStorage } from "./stage-storage.ts";
import { isDelay } from "./suspension.ts";
import type { Teller } from "./teller.ts";

/** What a look at a suspended stage leads to. */
export type PollEnd =
  | { kind: "settle"; outcome: Outcome }
  | { kind: "again"; nextPollAt: number; failures: number }
  | { kind: "resume"; state: JsonText };

/** One stage to look at. */
export interface PollExecution {
  plan: WorkflowPlan;
  planned: PlannedStage;
  poll: Poll;
  abort: Abort;
  teller: Teller;
}

/** Errors that another look cannot cure. */
const finalCodes: ReadonlySet<string | undefined> = new Set([
  "FATAL",
  "STAGE_OUTPUT_INVALID",
  "INVALID_CONFIG",
  "PAYLOAD_TOO_LARGE",
  "PAYLOAD_NOT_JSON",
]);

/** Calls `checkCompletion` and decides what follows, as soon as it answers or is aborted; never rejects. */
export async function checkCompletion(services: ExecutionServices, execution: PollExecution): Promise<PollEnd> {
  const { planned, poll, teller, abort } = execution;
  try {
    abort.throwIfAborted();
    return await abort.race(look(services, execution));
  } catch (error) {
    if (finalCodes.has(errorCodeOf(error))) return failed(describeError(error));
    const now = services.environment.now();
    if (poll.maxWaitUntil !== null && now >= poll.maxWaitUntil) return failed(waitedTooLong(poll, describeError(error)));
    const failures = poll.pollFailures + 1;
    teller.log(planned.stageId, "WARN", `Poll ${failures} failed and will be tried again: ${describeError(error)}`, undefined);
    return { kind: "again", nextPollAt: withinWait(poll, now + backoffMs(failures, services.environment.random())), failures };
  }
}

/** The last look is at the end of the wait. */
function withinWait({ maxWaitUntil }: Poll, at: number): number {
  return maxWaitUntil === null ? at : Math.min(at, maxWaitUntil);
}

async function look(services: ExecutionServices, execution: PollExecution): Promise<PollEnd> {
  return answer(services, execution, await ask(services, execution));
}

async function ask(services: ExecutionServices, { plan, planned, poll, abort, teller }: PollExecution): Promise<CompletionResult> {
  const { stage, stageId } = planned;
  if (!stage.checkCompletion) throw new Error(`Stage "${stageId}" has no checkCompletion, but it is suspended. Was its mode changed?`);
  const configs = JSON.parse(poll.config) as Record<string, unknown>;
  const config = await parsePart(planned, "config", configs[stageId] ?? {});
  const log = (level: "DEBUG" | "INFO" | "WARN" | "ERROR", message: string, meta?: Record<string, unknown>): void =>
    teller.log(stageId, level, message, meta);
  const lazy = new LazyAI(services.bindAI, () => aiBindingOf(stage, poll, config, abort));
  return stage.checkCompletion(JSON.parse(poll.state) as SuspendedState, {
    workflowRunId: poll.runId,
    stageId,
    stageRecordId: stageRecordId(poll.runId, stageId, poll.item),
    config,
    get signal() {
      return abort.signal;
    },
    storage: createStageStorage(services.blobStore, plan.workflowId, poll.runId, abort),
    get ai() {
      return lazy.ai;
    },
    log,
    onLog: log,
  });
}

async function answer(services: ExecutionServices, execution: PollExecution, result: CompletionResult): Promise<PollEnd> {
  const { poll, abort } = execution;
  if (abort.isAborted) throw new Error("This look was given up"); // nobody waits for its answer any more
  const now = services.environment.now();
  if (result.error !== undefined && result.error !== null) return failed(describeError(result.error));
  if (result.ready) return ready(services, execution, result);
  if (poll.maxWaitUntil !== null && now >= poll.maxWaitUntil) return failed(waitedTooLong(poll, "it was still not ready"));
  const delayMs = isDelay(result.nextCheckIn) ? result.nextCheckIn : poll.pollIntervalMs;
  return { kind: "again", nextPollAt: withinWait(poll, now + delayMs), failures: 0 };
}

async function ready(services: ExecutionServices, execution: PollExecution, result: CompletionResult): Promise<PollEnd> {
  const { poll } = execution;
  if (result.output === undefined) return { kind: "resume", state: poll.state };
  const output = await storeOutput(services, execution, poll, result.output);
  const metrics = metricsOf(poll.startedAt ?? services.environment.now(), services.environment.now(), result.metrics);
  const embeddings = result.embeddings === undefined ? null : toJson(result.embeddings, "Embeddings");
  return { kind: "settle", outcome: { kind: "completed", output, metrics, embeddings, artifacts: [] } };
}

function failed(error: string): PollEnd {
  return { kind: "settle", outcome: { kind: "failed", error, isRetryable: false, delayMs: 0 } };
}

function waitedTooLong(poll: Poll, reason: string): string {
  return `Stage "${poll.stageId}" waited longer than its maxWaitTime: ${reason}.`;
}
