// Every command, brought to the moment before it is dispatched. The crash suite fails each call that the command makes, retries it, and
// asks whether anything was lost or doubled.
import { z } from "zod";
import { defineWorkflow } from "../define/builder.ts";
import { defineAsyncBatchStage, defineStage } from "../define/stage.ts";
import type { KernelCommand } from "../kernel/commands/command.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { JobTransport } from "../ports/job-transport.ts";
import type { Status } from "../ports/status.ts";

const Numbered = z.object({ n: z.number() });

function step(id: string) {
  return defineStage({
    id,
    name: id,
    schemas: { input: z.unknown(), output: Numbered, config: z.object({}) },
    async execute(ctx) {
      ctx.log("INFO", "at work");
      ctx.onProgress({ progress: 50, message: "half" });
      return { output: { n: 1 }, artifacts: { [`${id}.txt`]: "text" } };
    },
  });
}

/** One stage, two siblings, one stage; the siblings' outputs are large enough for the blob store when `limits` say so. */
export const crashWorkflow = defineWorkflow({ id: "crash", name: "Crash", input: Numbered })
  .pipe(step("a"))
  .parallel([step("b1"), step("b2")])
  .pipe(step("c"))
  .build();

/** A stage that waits for something outside, then another. */
export const crashBatchWorkflow = defineWorkflow({ id: "crash-batch", name: "Crash batch", input: Numbered })
  .pipe(
    defineAsyncBatchStage({
      id: "wait",
      name: "wait",
      mode: "async-batch",
      schemas: { input: Numbered, output: Numbered, config: z.object({}) },
      execute: async () => ({ suspended: true, state: { batchId: "b" }, pollConfig: { pollInterval: 1_000 } }),
      checkCompletion: async () => ({ ready: true, output: { n: 2 } }),
    }),
  )
  .pipe(step("after"))
  .build();

/** What a scenario works with. */
export interface CrashBench {
  kernel: Kernel;
  jobTransport: JobTransport;
  /** Lets virtual time pass. */
  advance(ms: number): Promise<void>;
  /** Makes the event sink refuse what it is given, or take it again. */
  breakSink(isBroken: boolean): void;
}

/** One command about to be dispatched, and how the run it belongs to has to end. */
export interface CrashScenario {
  command: KernelCommand["type"];
  name: string;
  /** Brings the run to where the command is due; answers the command. */
  prepare(bench: CrashBench): Promise<KernelCommand>;
  /** Status of the run at the end; null when the run is gone. */
  ends: Status | null;
}

const create = (workflowId: string): KernelCommand & { type: "run.create" } => ({
  type: "run.create",
  idempotencyKey: "once",
  workflowId,
  input: { n: 1 },
});

async function createAndClaim(bench: CrashBench, workflowId = "crash"): Promise<string> {
  const { workflowRunId } = await bench.kernel.dispatch(create(workflowId));
  await bench.kernel.dispatch({ type: "run.claimPending", workerId: "w" });
  return workflowRunId;
}

/** A job.execute for the next job of the queue, as a host dispatches it. */
async function nextJob(bench: CrashBench): Promise<KernelCommand & { type: "job.execute" }> {
  const job = await bench.jobTransport.dequeue();
  if (!job) throw new Error("There is no job in the queue");
  const { jobId, workflowRunId, workflowId, stageId, attempt, payload } = job;
  return {
    type: "job.execute",
    idempotencyKey: `job:${jobId}:attempt:${attempt}`,
    ...{ jobId, workflowRunId, workflowId, stageId, attempt },
    executionId: String(payload["executionId"]),
    retry: "engine",
  };
}

/** Executes the next job and tells the transport. */
async function executeNext(bench: CrashBench): Promise<void> {
  const command = await nextJob(bench);
  await bench.kernel.dispatch(command);
  await bench.jobTransport.complete(command.jobId ?? "");
}

async function toSecondGroup(bench: CrashBench): Promise<string> {
  const workflowRunId = await createAndClaim(bench);
  await executeNext(bench);
  await bench.kernel.dispatch({ type: "run.transition", workflowRunId });
  return workflowRunId;
}

async function toEnd(bench: CrashBench): Promise<string> {
  const workflowRunId = await toSecondGroup(bench);
  await executeNext(bench);
  await executeNext(bench);
  await bench.kernel.dispatch({ type: "run.transition", workflowRunId });
  await executeNext(bench);
  await bench.kernel.dispatch({ type: "run.transition", workflowRunId });
  return workflowRunId;
}

/** Every command, some of them at more than one moment. */
export const crashScenarios: readonly CrashScenario[] = [
  { command: "run.create", name: "a new run", ends: "COMPLETED", prepare: async () => create("crash") },
  {
    command: "run.claimPending",
    name: "one pending run",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await bench.kernel.dispatch(create("crash"));
      return { type: "run.claimPending", workerId: "w" };
    },
  },
  {
    command: "job.execute",
    name: "the first stage",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await createAndClaim(bench);
      return nextJob(bench);
    },
  },
  {
    command: "job.execute",
    name: "the last of two siblings",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await toSecondGroup(bench);
      await executeNext(bench);
      return nextJob(bench);
    },
  },
  {
    command: "run.transition",
    name: "into a parallel group",
    ends: "COMPLETED",
    prepare: async (bench) => {
      const workflowRunId = await createAndClaim(bench);
      await executeNext(bench);
      return { type: "run.transition", workflowRunId };
    },
  },
  {
    command: "run.reapStuck",
    name: "a group that nobody moved on",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await createAndClaim(bench);
      await executeNext(bench);
      await bench.advance(10_000);
      return { type: "run.reapStuck", stuckThresholdMs: 5_000 };
    },
  },
  {
    command: "run.cancel",
    name: "a run with a queued stage",
    ends: "CANCELLED",
    prepare: async (bench) => ({ type: "run.cancel", workflowRunId: await createAndClaim(bench), reason: "enough" }),
  },
  {
    command: "run.rerunFrom",
    name: "a completed run, from its second group",
    ends: "COMPLETED",
    prepare: async (bench) => {
      const workflowRunId = await toEnd(bench);
      await bench.advance(1_000); // events are told apart by their time
      return { type: "run.rerunFrom", workflowRunId, fromStageId: "b1", idempotencyKey: "again" };
    },
  },
  {
    command: "lease.reapStale",
    name: "a leased job whose worker is gone",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await createAndClaim(bench);
      await nextJob(bench);
      await bench.advance(120_000);
      return { type: "lease.reapStale", staleThresholdMs: 60_000 };
    },
  },
  {
    command: "stage.pollSuspended",
    name: "a batch that is ready",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await createAndClaim(bench, "crash-batch");
      await executeNext(bench);
      await bench.advance(2_000);
      return { type: "stage.pollSuspended" };
    },
  },
  {
    command: "outbox.flush",
    name: "events of a whole run",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await toEnd(bench);
      return { type: "outbox.flush" };
    },
  },
  {
    command: "plugin.replayDLQ",
    name: "events that the sink refused until they were dead letters",
    ends: "COMPLETED",
    prepare: async (bench) => {
      await toEnd(bench);
      bench.breakSink(true);
      for (let flush = 0; flush < 60; flush++) {
        await bench.kernel.dispatch({ type: "outbox.flush" });
        await bench.advance(10_000);
      }
      bench.breakSink(false);
      return { type: "plugin.replayDLQ" };
    },
  },
  {
    command: "run.delete",
    name: "a completed run",
    ends: null,
    prepare: async (bench) => ({ type: "run.delete", workflowRunId: await toEnd(bench) }),
  },
];
