// Runs one workflow to its end in this process: creates it, watches its rows, answers its result.
import type { BlobStore, Kernel, Persistence, RunCreateCommand, StageRecord, Status } from "@bratsos/workflow-engine";
import { resolveOutput } from "@bratsos/workflow-engine";
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

/** Runs a workflow and resolves when it has ended, however it ended. */
export async function runAndWait(options: RunAndWaitOptions): Promise<RunResult> {
  const { kernel, host, command } = options;
  const wasRunning = host.getStats().isRunning;
  const runId =
    "workflowRunId" in command ? command.workflowRunId : (await kernel.dispatch({ ...command, type: "run.create" })).workflowRunId;
  const onAbort = (): void => {
    kernel
      .dispatch({ type: "run.cancel", workflowRunId: runId, reason: String(options.signal?.reason ?? "aborted") })
      .catch(() => undefined);
  };
  if (options.signal?.aborted) onAbort();
  options.signal?.addEventListener("abort", onAbort, { once: true });
  if (!wasRunning) await host.start();
  try {
    return await watch(options, runId);
  } finally {
    options.signal?.removeEventListener("abort", onAbort);
    if (!wasRunning) await host.stop();
  }
}

async function watch(options: RunAndWaitOptions, runId: string): Promise<RunResult> {
  const { persistence, kernel, pollIntervalMs = 25 } = options;
  const seen = new Map<string, Status>();
  for (;;) {
    const status = await persistence.getRunStatus(runId);
    if (status === null) throw new Error(`WorkflowRun ${runId} not found`);
    if (options.onStageChange) tellChanges(await persistence.getStagesByRun(runId), seen, options.onStageChange);
    if (endedStatuses.has(status)) return resultOf(options, runId);
    await new Promise<void>((resolve) => kernel.work.environment.setTimer(pollIntervalMs, resolve));
  }
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
  if (!run) throw new Error(`WorkflowRun ${runId} not found`);
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
