// Runs a stage's user code, outside any transaction, and turns its end into an outcome for the rules: parsed, bounded, stored (P5 to P7).
import { assertNoCredential, isSuspendedResult, type SimpleStageResult } from "../../define/outcome.ts";
import type { PlannedStage } from "../../define/plan.ts";
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { ArtifactRow, JsonText } from "../../ports/store.ts";
import type { Outcome } from "../rules/settle.ts";
import type { Abort } from "./abort.ts";
import { type Awaitable, andThen } from "./and-then.ts";
import { failedOutcome, parseWith } from "./failures.ts";
import { isStoredAsBlob, storePayload, toJson } from "./payloads.ts";
import { readRunValues } from "./run-values.ts";
import { refusedOutcome } from "./stage-ai.ts";
import { StageExecutionContext } from "./stage-context.ts";
import type { ExecutionServices, StageExecution } from "./stage-execution.ts";
import { outputBlobKey } from "./stage-storage.ts";
import { suspendedOutcome } from "./suspension.ts";

/** Runs the stage to its end, or to its abort; never rejects: what goes wrong is a failed outcome. */
export async function runStage(services: ExecutionServices, execution: StageExecution): Promise<Outcome> {
  const { planned, job } = execution;
  try {
    return await withDeadline(services.environment, execution, () => executeStage(services, execution));
  } catch (error) {
    const refused = refusedOutcome(error);
    // what siblings of the refused call have yet to bring is paid for: it counts before anybody raises the budget
    if (refused && !execution.abort.isAborted) await execution.ai?.session?.settled();
    if (refused) return refused;
    return failedOutcome(error, job.attempt, services.environment.random(), planned.stage.retry);
  }
}

async function executeStage(services: ExecutionServices, execution: StageExecution): Promise<Outcome> {
  const { planned, abort } = execution;
  const startedAt = services.environment.now();
  const context = openContext(services, execution);
  const result = await planned.stage.execute(context instanceof Promise ? await context : context);
  if (abort.isAborted) throw new Error("This execution was aborted"); // nobody waits for its outcome any more, and it stores nothing
  const used = execution.ai?.session?.metrics();
  const metrics = metricsOf(startedAt, services.environment.now(), used ? { ...used, ...result.customMetrics } : result.customMetrics);
  if (!isSuspendedResult(result)) return completedOutcome(services, execution, result, metrics);
  assertNoCredential(planned.stageId, result.state);
  return suspendedOutcome(result, metrics, services.environment.now());
}

/** Reads and parses what the stage reads. */
function openContext(services: ExecutionServices, execution: StageExecution): Awaitable<StageExecutionContext> {
  const { plan, planned, job } = execution;
  const { stage, stageId } = planned;
  return andThen(readRunValues(plan, planned, job.payloads, execution.config, services.blobStore), (values) =>
    andThen(parseWith(stage.configSchema, values.config, `config of stage "${stageId}"`, "INVALID_CONFIG"), (config) =>
      andThen(parseWith(stage.inputSchema, values.input, `input of stage "${stageId}"`, "STAGE_INPUT_INVALID"), (input) => {
        return new StageExecutionContext(services, execution, { input, config, workflowContext: values.workflowContext });
      }),
    ),
  );
}

function completedOutcome(
  services: ExecutionServices,
  execution: StageExecution,
  result: SimpleStageResult,
  metrics: JsonText,
): Awaitable<Outcome> {
  const { planned, job, plan, abort } = execution;
  const { stageId } = planned;
  const blobKey = outputBlobKey(plan.workflowId, job.runId, stageId, job.executionId);
  return andThen(storeOutput(services, planned, result.output, blobKey, abort), (output): Outcome => {
    return { kind: "completed", output, metrics, artifacts: artifactsOf(stageId, result.artifacts) };
  });
}

/** Parses a stage's output and stores it; a blob that came too late for anybody to name it goes again. */
export function storeOutput(
  { limits, blobStore }: ExecutionServices,
  { stage, stageId }: PlannedStage,
  value: unknown,
  blobKey: string,
  abort: Abort,
): Awaitable<JsonText> {
  return andThen(parseWith(stage.outputSchema, value, `output of stage "${stageId}"`, "STAGE_OUTPUT_INVALID"), (output) =>
    andThen(storePayload(output, { what: `Output of stage "${stageId}"`, blobKey }, limits, blobStore), (text) => {
      if (!abort.isAborted || !isStoredAsBlob(text)) return text;
      return blobStore.delete(blobKey).then(() => text);
    }),
  );
}

function artifactsOf(stageId: string, artifacts: Record<string, unknown> | undefined): ArtifactRow[] {
  if (artifacts === undefined) return [];
  return Object.entries(artifacts).map(([key, value]) => {
    const data = toJson(value, `Artifact "${key}" of stage "${stageId}"`);
    return { stageId, key, type: "ARTIFACT", data, bytes: new TextEncoder().encode(data).length };
  });
}

/** Metrics of an execution as JSON text: times in milliseconds, the stage's own beside them. */
export function metricsOf(startTime: number, endTime: number, custom: Record<string, unknown> | undefined): JsonText {
  const duration = endTime - startTime;
  if (custom === undefined) return `{"startTime":${startTime},"endTime":${endTime},"duration":${duration}}`;
  return toJson({ startTime, endTime, duration, ...custom }, "Metrics");
}

/** Waits for `run` no longer than until the execution is aborted, at the stage's timeout at the latest. */
function withDeadline<T>(environment: Environment, { planned, abort }: StageExecution, run: () => Promise<T>): Promise<T> {
  const { timeoutMs } = planned.stage;
  if (timeoutMs === undefined) return abort.race(run);
  const cancelTimer = environment.setTimer(timeoutMs, () => abort.abort(timeoutError(planned.stageId, timeoutMs)));
  return abort.race(run).finally(cancelTimer);
}

function timeoutError(stageId: string, timeoutMs: number): WorkflowEngineError {
  return new WorkflowEngineError("STAGE_TIMEOUT", `Stage "${stageId}" did not end within its timeout of ${timeoutMs} ms.`);
}
