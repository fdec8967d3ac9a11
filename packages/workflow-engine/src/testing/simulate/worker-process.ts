// The workers of a history: real kernels and real host loops, in processes that die, stand still, and come back as new ones.
import type { ProviderResolver } from "../../ai/helper-types.ts";
import { createKernel } from "../../defaults.ts";
import type { AnyWorkflow } from "../../define/workflow.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { createRegistry } from "../../kernel/registry.ts";
import type { EventSink } from "../../ports/event-sink.ts";
import type { DequeueResult } from "../../ports/job.ts";
import type { JobTransport } from "../../ports/job-transport.ts";
import { executeCommand } from "../harness.ts";
import { startHost } from "../loop-host.ts";
import { startTicks } from "./function-worker.ts";
import { send } from "./gate.ts";
import { callOutside, watchModels } from "./outside-calls.ts";
import type { SimulatedProcess } from "./simulated-process.ts";
import { portsOf, type SimulatedStore } from "./simulated-store.ts";
import { type SimulatedCode, sleep, watchWorkflow } from "./watched-workflow.ts";
import type { World } from "./world.ts";

/** What every worker of a history is made with. */
export interface WorkerParts {
  store: SimulatedStore;
  outside: unknown;
  workflowOf(code: SimulatedCode): AnyWorkflow;
  providerResolver: ProviderResolver | undefined;
}

/** Milliseconds between two rounds of a worker on plain commands. */
const roundMs = 2_000;

/** Starts the worker of a place, and its successor whenever it dies. */
export function startWorker(world: World, parts: WorkerParts, place: number, generation = 1): void {
  const label = generation === 1 ? `w${place}` : `w${place}-${generation}`;
  const process = world.open(label, true);
  const isDeployed = world.choices.mishap(`${label}.deploy`, ["rolling-deploy"], 8) !== null;
  const isOld = isDeployed && world.choices.stream(`${label}.old`)() < 0.5;
  const isPlain = !isOld && world.choices.stream(`w${place}.plain`)() < 0.25;
  const { kernel, jobTransport } = kernelOf(world, process, parts, isOld);
  process.onDeath(() => {
    const restartMs = world.choices.between(`${label}.restart`, 20, 3_000);
    world.time.at(world.time.now + restartMs, null, () => startWorker(world, parts, place, generation + 1));
  });
  const stop = startHostOf(world, process, parts, { kernel, jobTransport, isPlain });
  if (!isDeployed) return;
  world.tell(label, isOld ? "starts without the workflow" : "will be replaced by a newer version", true);
  const until = world.time.now + world.choices.between(`${label}.deployed`, 10, isOld ? 30_000 : 2_000);
  world.time.at(until, process, () => {
    world.tell(label, "is told to stop");
    void stop().then(() => process.die());
  });
}

function startHostOf(
  world: World,
  process: SimulatedProcess,
  { store }: WorkerParts,
  { kernel, jobTransport, isPlain }: { kernel: Kernel; jobTransport: JobTransport; isPlain: boolean },
): () => Promise<void> {
  const workerId = process.label;
  if (!store.callsFunctions) return isPlain ? startPlainHost(world, process, kernel, jobTransport) : startLoops(kernel, workerId);
  const session = kernel.work.openSession({ workerId });
  world.queue.open(process, session);
  return startTicks(process, session);
}

function kernelOf(
  world: World,
  process: SimulatedProcess,
  parts: WorkerParts,
  isOld: boolean,
): { kernel: Kernel; jobTransport: JobTransport } {
  const ports = portsOf(world, process, parts.store);
  const workflow = watchWorkflow(world, process, parts.workflowOf(codeOf(world, process, parts.outside)));
  const kernel = createKernel({
    ...ports,
    registry: createRegistry(isOld ? [] : [workflow]),
    environment: process.environment,
    eventSink: sinkOf(world, process),
    providerResolver: parts.providerResolver && watchModels(world, process, parts.providerResolver),
  });
  return { kernel, jobTransport: ports.jobTransport };
}

/** What user code in this process can ask of its world. */
export function codeOf(world: World, process: SimulatedProcess, outside: unknown): SimulatedCode {
  return {
    outside,
    seed: world.choices.seed,
    now: () => process.environment.now(),
    random: world.choices.stream(`${process.label}.code`),
    sleep: (ms, signal) => sleep(world, process, ms, signal),
    call: (name, effect) => callOutside(world, process, name, effect),
  };
}

/** Takes every event, and notes when, and by whom it was brought. */
function sinkOf(world: World, process: SimulatedProcess): EventSink {
  return {
    emit: async (event) => {
      const seen = { event, process, startedAt: world.time.now, endedAt: null as number | null, wasTaken: false };
      world.seen.deliveries.push(seen);
      const effect = async (): Promise<void> => {
        seen.wasTaken = true;
        world.changedAt = world.time.now;
        world.tell(process.label, `tells ${event.type}${"stageId" in event ? ` ${event.stageId}` : ""}`);
      };
      const kinds = ["crash", "zombie", "sink-failure"] as const;
      try {
        await send(world, process, { name: "emit", kinds, weight: 1, effect, describe: () => null });
      } finally {
        seen.endedAt = world.time.now;
      }
    },
  };
}

function startLoops(kernel: Kernel, workerId: string): () => Promise<void> {
  const host = startHost(kernel, { workerId, concurrency: 4 });
  return () => host.stop();
}

/** A host of one's own on plain commands and a queue that may deliver twice, as a serverless platform has it. */
function startPlainHost(world: World, process: SimulatedProcess, kernel: Kernel, jobTransport: JobTransport): () => Promise<void> {
  const { label } = process;
  let isStopped = false;
  const busy = new Set<Promise<unknown>>();
  const under = (work: Promise<unknown>): void => {
    const watched = work.catch(() => undefined).finally(() => busy.delete(watched));
    busy.add(watched);
  };
  const round = async (): Promise<void> => {
    const attempt = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);
    await attempt(kernel.dispatch({ type: "run.claimPending", workerId: label }));
    for (let job = await jobTransport.dequeue(); job && !isStopped; job = await jobTransport.dequeue()) {
      under(handle(kernel, jobTransport, job));
      if (world.mishap(process, process.place("job"), ["duplicate"], 4)) {
        world.tell(label, `gets the job of ${job.stageId} twice`, true);
        under(handle(kernel, jobTransport, job));
      }
    }
    const polled = await kernel.dispatch({ type: "stage.pollSuspended" });
    for (const workflowRunId of polled.resumedWorkflowRunIds) await kernel.dispatch({ type: "run.transition", workflowRunId });
    await attempt(kernel.dispatch({ type: "lease.reapStale", staleThresholdMs: 60_000 }));
    await attempt(kernel.dispatch({ type: "run.reapStuck", stuckThresholdMs: 5_000 }));
    while ((await kernel.dispatch({ type: "outbox.flush" })).published > 0);
  };
  const loop = (): void => {
    if (isStopped) return;
    under(round().finally(() => process.environment.setTimer(roundMs, loop)));
  };
  loop();
  return async () => {
    isStopped = true;
    while (busy.size > 0) await Promise.all(busy);
  };
}

/** What a host does with one job of its queue. */
async function handle(kernel: Kernel, queue: JobTransport, job: DequeueResult): Promise<void> {
  const { jobId, attempt, workflowRunId } = job;
  const result = await kernel.dispatch(executeCommand(job));
  if (result.outcome === "completed") await queue.complete(jobId, { attempt });
  else if (result.outcome === "suspended" && result.nextPollAt) await queue.suspend(jobId, result.nextPollAt, { attempt });
  else await queue.fail(jobId, result.error ?? "failed", result.retryable ?? false, { attempt });
  await kernel.dispatch({ type: "run.transition", workflowRunId });
}
