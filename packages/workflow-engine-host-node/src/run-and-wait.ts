// Runs one workflow to its end in this process: creates it, watches its rows, answers its result.
import type { BlobStore, Kernel, Persistence, RunCreateCommand, StageRecord, Status } from "@bratsos/workflow-engine";
import { resolveOutput, WorkflowEngineError } from "@bratsos/workflow-engine";
import type { NodeHost } from "./node-host.ts";

/** A stage as `onStageChange` sees it. */
export interface StageSnapshot {
  stageId: string;
  stageName: string;
  status: Status;
  /** Milliseconds; null while it runs. */
  duration: number | null;
  error: string | null;
}

/** Options of `runAndWait`. */
export interface RunAndWaitOptions {
  kernel: Kernel;
  persistence: Persistence;
  /** Started when it is not running, and then stopped at the end. */
  host: NodeHost;
  /** A run.create command, or the id of a run that exists. */
  command: Omit<RunCreateCommand, "type"> | { workflowRunId: string };
  onStageChange?: ((stage: StageSnapshot) => void) | undefined;
  /** Cancels the run when it aborts. */
  signal?: AbortSignal | undefined;
  /** Resolves outputs kept outside the row; they stay references when absent. */
  blobStore?: BlobStore | undefined;
  /** Milliseconds between two looks at the rows; default 25. */
  pollIntervalMs?: number | undefined;
}

/** How a run ended. */
export interface RunResult {
  runId: string;
  status: Status;
  stages: StageRecord[];
  totalCost: number;
  totalTokens: number;
  /** Milliseconds. */
  duration: number | null;
  output: unknown;
  error: string | null;
}

const endedStatuses: ReadonlySet<Status> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/** Runs a workflow and resolves when it has ended, however it ended. Rejects with RUN_STATE when the host it started is stopped before, e.g. by a signal. */
export async function runAndWait(options: RunAndWaitOptions): Promise<RunResult> {
  const { kernel, host, command } = options;
  const wasRunning = host.getStats().isRunning;
  const runId = "workflowId" in command ? (await kernel.dispatch({ ...command, type: "run.create" })).workflowRunId : command.workflowRunId;
  try {
    if (!wasRunning) await host.start();
    return await watch(options, runId, !wasRunning);
  } finally {
    if (!wasRunning) await host.stop();
  }
}

async function watch(options: RunAndWaitOptions, runId: string, isHostOurs: boolean): Promise<RunResult> {
  const { persistence, kernel, signal, pollIntervalMs = 25 } = options;
  const seen = new Map<string, Status>();
  for (;;) {
    const isStopped = isHostOurs && !options.host.getStats().isRunning;
    // asked again until the run has ended: a store that was out of reach for a moment must not leave it running
    if (signal?.aborted) await cancelRun(kernel, runId, signal);
    const status = await persistence.getRunStatus(runId);
    if (status === null) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
    if (options.onStageChange) tellChanges(await persistence.getStagesByRun(runId), seen, options.onStageChange);
    if (endedStatuses.has(status)) return resultOf(options, runId);
    if (isStopped) throw stopped(runId, status);
    await pause(kernel, pollIntervalMs, signal);
  }
}

/** Nobody here works on the run any more; waiting on would wait for ever. */
function stopped(runId: string, status: Status): WorkflowEngineError {
  return new WorkflowEngineError(
    "RUN_STATE",
    `The host was stopped while run ${runId} is ${status}. Nothing is lost: any worker goes on with it, and runAndWait with { workflowRunId } waits for it again.`,
  );
}

function cancelRun(kernel: Kernel, workflowRunId: string, { reason }: AbortSignal): Promise<unknown> {
  const text = reason instanceof Error ? reason.message : String(reason ?? "aborted");
  return kernel.dispatch({ type: "run.cancel", workflowRunId, reason: text }).catch(() => undefined);
}

/** Waits, or until the signal aborts; the timer stays as short as it is, so nothing is left behind. */
async function pause({ work }: Kernel, ms: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const isDone = (): void => {
      signal?.removeEventListener("abort", isAborted);
      resolve();
    };
    const cancelTimer = work.environment.setTimer(ms, isDone);
    const isAborted = (): void => {
      cancelTimer();
      resolve();
    };
    if (signal && !signal.aborted) signal.addEventListener("abort", isAborted, { once: true });
  });
}

function tellChanges(stages: StageRecord[], seen: Map<string, Status>, tell: (stage: StageSnapshot) => void): void {
  for (const stage of stages) {
    if (seen.get(stage.stageId) === stage.status) continue;
    seen.set(stage.stageId, stage.status);
    const { stageId, stageName, status, duration, errorMessage } = stage;
    tell({ stageId, stageName, status, duration, error: errorMessage });
  }
}

async function resultOf({ persistence, blobStore }: RunAndWaitOptions, runId: string): Promise<RunResult> {
  const run = await persistence.getRun(runId);
  if (!run) throw new WorkflowEngineError("RUN_NOT_FOUND", `WorkflowRun ${runId} not found`);
  const stages = await persistence.getStagesByRun(runId);
  return {
    runId,
    status: run.status,
    stages,
    totalCost: run.totalCost,
    totalTokens: run.totalTokens,
    duration: run.duration,
    output: blobStore ? await resolveOutput(run.output, blobStore) : run.output,
    error: run.errorMessage ?? null,
  };
}
