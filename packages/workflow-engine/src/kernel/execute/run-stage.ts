// Runs a stage's user code, outside any transaction, and turns its end into an outcome for the rules: parsed, bounded, stored (P5 to P7).
// Most of what it does needs no waiting: only what is a promise is awaited, and given up when the execution is aborted.
import { assertNoCredential, isSuspendedResult, type SimpleStageResult, type StageOutcome } from "../../define/outcome.ts";
import type { PlannedStage } from "../../define/plan.ts";
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { ArtifactRow, ExecutionRef, JsonText } from "../../ports/store.ts";
import type { Outcome } from "../rules/settle.ts";
import type { Abort } from "./abort.ts";
import type { Awaitable } from "./awaitable.ts";
import { failedOutcome, parsePart } from "./failures.ts";
import { type PayloadName, storePayload, toJson } from "./payloads.ts";
import { type RunValues, readRunValues } from "./run-values.ts";
import { refusedOutcome } from "./stage-ai.ts";
import { StageExecutionContext } from "./stage-context.ts";
import type { ExecutionServices, StageExecution } from "./stage-execution.ts";
import { outputBlobKey } from "./stage-storage.ts";
import { suspendedOutcome } from "./suspension.ts";

/** Runs the stage to its end, or to its abort or its timeout; never rejects: what goes wrong is a failed outcome. */
export async function runStage(services: ExecutionServices, execution: StageExecution): Promise<Outcome> {
  const { planned, abort } = execution;
  const cancelTimer = setDeadline(services.environment, execution);
  try {
    abort.throwIfAborted();
    const startedAt = services.environment.now();
    const opening = openContext(services, execution);
    const context = opening instanceof Promise ? await abort.race(opening) : opening;
    abort.throwIfAborted();
    const result = await abort.race(planned.stage.execute(context));
    abort.throwIfAborted(); // nobody waits for its outcome any more, and it stores nothing
    const outcome = outcomeOf(services, execution, result, startedAt);
    return outcome instanceof Promise ? await abort.race(outcome) : outcome;
  } catch (error) {
    return thrownOutcome(services, execution, error);
  } finally {
    cancelTimer?.();
  }
}

async function thrownOutcome({ environment }: ExecutionServices, execution: StageExecution, error: unknown): Promise<Outcome> {
  const refused = refusedOutcome(error);
  // what siblings of the refused call have yet to bring is paid for: it counts before anybody raises the budget
  if (refused && !execution.abort.isAborted) await execution.ai?.session?.settled();
  return refused ?? failedOutcome(error, execution.job.attempt, environment.random(), execution.planned.stage.retry);
}

/** Reads and parses what the stage reads. */
function openContext(services: ExecutionServices, execution: StageExecution): Awaitable<StageExecutionContext> {
  const { plan, planned, job } = execution;
  const values = readRunValues(plan, planned, job.payloads, execution.config, services.blobStore);
  if (values instanceof Promise) return values.then((late) => parseConfig(services, execution, late));
  return parseConfig(services, execution, values);
}

function parseConfig(services: ExecutionServices, execution: StageExecution, values: RunValues): Awaitable<StageExecutionContext> {
  const config = parsePart(execution.planned, "config", values.config);
  if (config instanceof Promise) return config.then((late) => parseInput(services, execution, values, late));
  return parseInput(services, execution, values, config);
}

function parseInput(
  services: ExecutionServices,
  execution: StageExecution,
  { input, workflowContext }: RunValues,
  config: unknown,
): Awaitable<StageExecutionContext> {
  const parsed = parsePart(execution.planned, "input", input);
  if (parsed instanceof Promise)
    return parsed.then((late) => new StageExecutionContext(services, execution, late, config, workflowContext));
  return new StageExecutionContext(services, execution, parsed, config, workflowContext);
}

function outcomeOf(services: ExecutionServices, execution: StageExecution, result: StageOutcome, startedAt: number): Awaitable<Outcome> {
  const now = services.environment.now();
  const used = execution.ai?.session?.metrics();
  const metrics = metricsOf(startedAt, now, used ? { ...used, ...result.customMetrics } : result.customMetrics);
  if (isSuspendedResult(result)) {
    assertNoCredential(execution.planned.stageId, result.state);
    return suspendedOutcome(result, metrics, now);
  }
  const output = storeOutput(services, execution, execution.job, result.output);
  if (output instanceof Promise) return output.then((late) => completedOutcome(execution.planned, result, late, metrics));
  return completedOutcome(execution.planned, result, output, metrics);
}

function completedOutcome({ stageId }: PlannedStage, { artifacts }: SimpleStageResult, output: JsonText, metrics: JsonText): Outcome {
  return { kind: "completed", output, metrics, artifacts: artifacts ? artifactsOf(stageId, artifacts) : noArtifacts };
}

/** What a stage's output is called; most are stored without it ever being said. */
class OutputName implements PayloadName {
  readonly #workflowId: string;
  readonly #ref: ExecutionRef;

  constructor(workflowId: string, ref: ExecutionRef) {
    this.#workflowId = workflowId;
    this.#ref = ref;
  }

  get what(): string {
    return `Output of stage "${this.#ref.stageId}"`;
  }

  get blobKey(): string {
    const { runId, stageId, executionId } = this.#ref;
    return outputBlobKey(this.#workflowId, runId, stageId, executionId);
  }
}

/** Parses a stage's output and stores it; a blob that came too late for anybody to name it goes again. */
export function storeOutput(
  services: ExecutionServices,
  execution: Pick<StageExecution, "plan" | "planned" | "abort">,
  ref: ExecutionRef,
  value: unknown,
): Awaitable<JsonText> {
  const output = parsePart(execution.planned, "output", value);
  if (output instanceof Promise) return output.then((late) => storeParsed(services, execution, ref, late));
  return storeParsed(services, execution, ref, output);
}

function storeParsed(
  { limits, blobStore }: ExecutionServices,
  { plan, abort }: Pick<StageExecution, "plan" | "abort">,
  ref: ExecutionRef,
  output: unknown,
): Awaitable<JsonText> {
  const name = new OutputName(plan.workflowId, ref);
  const text = storePayload(output, name, limits, blobStore);
  if (!(text instanceof Promise)) return text;
  return text.then((late) => (abort.isAborted ? blobStore.delete(name.blobKey).then(() => late) : late));
}

const noArtifacts: ArtifactRow[] = [];

function artifactsOf(stageId: string, artifacts: Record<string, unknown>): ArtifactRow[] {
  return Object.entries(artifacts).map(([key, value]) => {
    const data = toJson(value, `Artifact "${key}" of stage "${stageId}"`);
    return { stageId, key, type: "ARTIFACT", data, bytes: new TextEncoder().encode(data).length };
  });
}

/** Metrics of an execution as JSON text: times in milliseconds, the stage's own beside them. */
export function metricsOf(startTime: number, endTime: number, custom: Record<string, unknown> | undefined): JsonText {
  const duration = endTime - startTime;
  return toJson(custom ? { startTime, endTime, duration, ...custom } : { startTime, endTime, duration }, "Metrics");
}

/** Aborts the execution at its stage's timeout; answers how to take that back, null for a stage without one. */
function setDeadline(environment: Environment, { planned, abort }: StageExecution): (() => void) | null {
  const { stage, stageId } = planned;
  return stage.timeoutMs === undefined ? null : abortAfter(environment, stage.timeoutMs, stageId, abort);
}

function abortAfter(environment: Environment, timeoutMs: number, stageId: string, abort: Abort): () => void {
  const text = `Stage "${stageId}" did not end within its timeout of ${timeoutMs} ms.`;
  return environment.setTimer(timeoutMs, () => abort.abort(new WorkflowEngineError("STAGE_TIMEOUT", text)));
}
