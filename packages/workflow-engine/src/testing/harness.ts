// Two ways to make runs go on, so that one case holds for both: plain commands in the order in which any scheduler could give
// them, and the loops of a long-lived host (settled question 1).
import type { JobExecuteResult, RunCreateCommand } from "../kernel/commands/command.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { EventType, KernelEvent } from "../ports/event.ts";
import type { DequeueResult } from "../ports/job.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { RunRecord } from "../ports/run.ts";
import type { StageRecord } from "../ports/stage.ts";
import type { Bench, DriveOptions } from "./bench.ts";
import { expectPresent, fail } from "./claims.ts";
import { startHost } from "./loop-host.ts";

/** How a run ended, and all that was told of it. */
export interface RunEnd {
  runId: string;
  run: RunRecord;
  /** By stage id. */
  stages: Record<string, StageRecord>;
  events: KernelEvent[];
}

const anHour = 60 * 60_000;
const workerId = "worker";

/** Drives the kernel's runs until something is so. */
export function drive(bench: Bench, kernel: Kernel, options: DriveOptions): Promise<void> {
  return bench.driver === "host" ? driveHost(bench, kernel, options) : driveCommands(bench, kernel, options);
}

/** Gives plain commands, round after round. */
export async function driveCommands(bench: Bench, kernel: Kernel, { until, maxMs = anHour, stepMs = 500 }: DriveOptions): Promise<void> {
  const deadline = bench.environment.now() + maxMs;
  for (;;) {
    await commandRound(bench, kernel);
    if (await until()) return;
    if (bench.environment.now() >= deadline) fail(`it did not come about by plain commands within ${maxMs} virtual ms`);
    if ((await executeQueued(bench, kernel)) === 0) await bench.advance(stepMs);
  }
}

/** Runs a host until something is so, then stops it. */
export async function driveHost(bench: Bench, kernel: Kernel, { until, maxMs = anHour }: DriveOptions): Promise<void> {
  const deadline = bench.environment.now() + maxMs;
  const host = startHost(kernel, { workerId });
  try {
    for (;;) {
      await bench.settle();
      if (await until()) break;
      const next = bench.environment.timers()[0];
      if (next === undefined || next > deadline) fail(`it did not come about in a host within ${maxMs} virtual ms`);
      await bench.environment.advance(Math.max(0, next - bench.environment.now()));
    }
  } finally {
    await bench.pass(host.stop());
  }
  if (host.errors.length > 0) throw host.errors[0];
}

/** One round of plain commands: claim, execute, poll, reap, repair, publish. */
export async function commandRound(bench: Bench, kernel: Kernel): Promise<void> {
  await kernel.dispatch({ type: "run.claimPending", workerId });
  await kernel.dispatch({ type: "outbox.flush" });
  await executeQueued(bench, kernel);
  const polled = await kernel.dispatch({ type: "stage.pollSuspended" });
  for (const workflowRunId of polled.resumedWorkflowRunIds) await kernel.dispatch({ type: "run.transition", workflowRunId });
  await kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 60_000 });
  await kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 });
  while ((await kernel.dispatch({ type: "outbox.flush" })).published > 0);
}

/** Takes every job that is due and executes them side by side; answers how many. */
export async function executeQueued(bench: Bench, kernel: Kernel): Promise<number> {
  const { jobTransport } = bench.store;
  const jobs: DequeueResult[] = [];
  for (let job = await jobTransport.dequeue(); job; job = await jobTransport.dequeue()) jobs.push(job);
  await bench.pass(Promise.all(jobs.map((job) => executeJob(jobTransport, kernel, job))));
  return jobs.length;
}

/** Executes one job as a host on plain commands does, and moves its run on. */
export async function executeJob(jobTransport: JobTransport, kernel: Kernel, job: DequeueResult): Promise<JobExecuteResult> {
  const { jobId, attempt, workflowRunId } = job;
  const result = await kernel.dispatch(executeCommand(job));
  if (result.outcome === "completed") await jobTransport.complete(jobId, { attempt });
  else if (result.outcome === "suspended" && result.nextPollAt) await jobTransport.suspend(jobId, result.nextPollAt, { attempt });
  else if (result.outcome === "suspended")
    await jobTransport.complete(jobId, { attempt }); // held: raising a budget makes a new job
  else await jobTransport.fail(jobId, result.error ?? "failed", result.retryable ?? false, { attempt });
  await kernel.dispatch({ type: "run.transition", workflowRunId });
  return result;
}

/** The job.execute of a dequeued job. */
export function executeCommand({ jobId, attempt, maxAttempts, workflowRunId, workflowId, stageId, payload }: DequeueResult) {
  const { config, executionId } = payload as { config?: Record<string, unknown>; executionId?: string };
  return {
    type: "job.execute",
    idempotencyKey: `job:${jobId}:attempt:${attempt}`,
    ...{ workflowRunId, workflowId, stageId, config, jobId, executionId, attempt, maxAttempts, workerId },
  } as const;
}

let keys = 0;

/** Creates a run under a key of its own and answers its id. */
export async function createRun(kernel: Kernel, command: Omit<RunCreateCommand, "type" | "idempotencyKey">): Promise<string> {
  keys += 1;
  return (await kernel.dispatch({ type: "run.create", idempotencyKey: `case-${keys}`, ...command })).workflowRunId;
}

/** True once the run is COMPLETED, FAILED or CANCELLED and its last event has been delivered. */
export function hasEnded(bench: Bench, runId: string): () => Promise<boolean> {
  const last: readonly EventType[] = ["workflow:completed", "workflow:failed", "workflow:cancelled"];
  return async () => {
    const status = await bench.store.persistence.getRunStatus(runId);
    if (status !== "COMPLETED" && status !== "FAILED" && status !== "CANCELLED") return false;
    return bench.sink.length === 0 || bench.sink.events.some((event) => event.workflowRunId === runId && last.includes(event.type));
  };
}

/** True once the stage has this status. */
export function stageIs(bench: Bench, runId: string, stageId: string, status: StageRecord["status"]): () => Promise<boolean> {
  return async () => (await bench.store.persistence.getStage(runId, stageId))?.status === status;
}

/** Creates a run, drives it to its end, and answers what became of it. */
export async function runToEnd(
  bench: Bench,
  kernel: Kernel,
  command: Omit<RunCreateCommand, "type" | "idempotencyKey">,
  options: Omit<DriveOptions, "until"> = {},
): Promise<RunEnd> {
  const runId = await createRun(kernel, command);
  await bench.drive(kernel, { ...options, until: hasEnded(bench, runId) });
  return lookAt(bench, runId);
}

/** What the rows and the sink say of a run now. */
export async function lookAt(bench: Bench, runId: string): Promise<RunEnd> {
  const run = expectPresent(await bench.store.persistence.getRun(runId), `run ${runId}`);
  const stages = await bench.store.persistence.getStagesByRun(runId);
  const events = bench.sink.events.filter((event) => event.workflowRunId === runId);
  return { runId, run, stages: Object.fromEntries(stages.map((stage) => [stage.stageId, stage])), events };
}
