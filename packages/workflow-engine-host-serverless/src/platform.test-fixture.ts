// A platform's queue as a test sees it, under virtual time: what was sent, delivered to a host when the test says so, as often as it says.
// Every "process" is a kernel of its own over the same rows. Not part of the build.
import {
  type AnyStage,
  type AnyWorkflow,
  createKernel,
  createMemoryStore,
  createRegistry,
  defineAsyncBatchStage,
  defineStage,
  type Kernel,
  type StageContext,
  WorkflowBuilder,
} from "@bratsos/workflow-engine";
import { CollectingEventSink, createFakeEnvironment } from "@bratsos/workflow-engine/kernel/testing";
import { z } from "zod";
import type { HandleJobResult, JobMessage } from "./job-message.ts";
import { createQueueTransport } from "./queue-transport.ts";
import { createServerlessHost, type ServerlessHost, type ServerlessHostConfig } from "./serverless-host.ts";

const schemas = { input: z.unknown(), output: z.unknown(), config: z.looseObject({}) };

/** A stage that does this. */
export function step(id: string, execute: (ctx: StageContext) => unknown): AnyStage {
  return defineStage({ id, name: id.toUpperCase(), schemas, execute: async (ctx) => ({ output: await execute(ctx as StageContext) }) });
}

/** A stage that suspends and is looked at every second with `check`. */
export function polled(id: string, check: (ctx: { signal: AbortSignal }) => Promise<{ ready: boolean; output?: unknown }>): AnyStage {
  return defineAsyncBatchStage({
    ...{ id, name: id.toUpperCase(), mode: "async-batch" as const, schemas },
    execute: async () => ({ suspended: true, state: { batchId: "b" }, pollConfig: { pollInterval: 1_000 } }),
    checkCompletion: (_, ctx) => check(ctx),
  });
}

interface UntypedBuilder {
  pipe(stage: AnyStage): UntypedBuilder;
  parallel(stages: readonly AnyStage[]): UntypedBuilder;
  build(): AnyWorkflow;
}

/** Workflow `w` of these stages, one after the other; a list of stages runs side by side. */
export function workflowOf(...groups: Array<AnyStage | AnyStage[]>): AnyWorkflow {
  let builder = new WorkflowBuilder("w", "W", "", z.unknown(), z.unknown()) as unknown as UntypedBuilder;
  for (const group of groups) builder = Array.isArray(group) ? builder.parallel(group) : builder.pipe(group);
  return builder.build();
}

/** A process: a kernel of its own, and a host on it. */
export interface Process {
  kernel: Kernel;
  host: ServerlessHost;
}

/** Opens a platform whose queue calls the host with every job (`queue`), or whose jobs wait in the store (`store`). */
export function openPlatform(workflow: AnyWorkflow, jobs: "queue" | "store" = "queue") {
  const environment = createFakeEnvironment();
  const store = createMemoryStore({ environment });
  const sink = new CollectingEventSink();
  const sent: JobMessage[] = [];
  const delays: number[] = [];
  const errors: unknown[] = [];
  const sending = { isDown: false };
  const send = (message: JobMessage, { delayMs }: { delayMs: number }): void => {
    if (sending.isDown) throw new Error("the queue is down");
    sent.push(structuredClone(message));
    delays.push(delayMs);
  };
  const startProcess = (options: Partial<ServerlessHostConfig> = {}, heartbeatIntervalMs = 15_000): Process => {
    const jobTransport = jobs === "queue" ? createQueueTransport(send, { environment }) : store.jobTransport;
    const kernel = createKernel({ ...store, jobTransport, eventSink: sink, heartbeatIntervalMs, registry: createRegistry([workflow]) });
    const host = createServerlessHost({ kernel, jobTransport, workerId: "fn", onError: (error) => void errors.push(error), ...options });
    return { kernel, host };
  };
  const main = startProcess();
  let keys = 0;
  const create = async (): Promise<string> => {
    const idempotencyKey = `k${(keys += 1)}`;
    const { workflowRunId } = await main.kernel.dispatch({ type: "run.create", idempotencyKey, workflowId: "w", input: { n: keys } });
    await main.host.runMaintenanceTick();
    return workflowRunId;
  };
  /** Delivers what is in the queue until it is empty; what failed comes back, at most `maxDeliveries` times. */
  const deliverAll = async (host = main.host, maxDeliveries = 10): Promise<HandleJobResult[]> => {
    const results: HandleJobResult[] = [];
    const counts = new Map<string, number>();
    for (let message = sent.shift(); message; message = sent.shift()) {
      const result = await host.handleJob(message);
      results.push(result);
      const count = (counts.get(message.jobId) ?? 0) + 1;
      counts.set(message.jobId, count);
      if (result.outcome === "failed" && count < maxDeliveries) sent.push(message);
    }
    return results;
  };
  const eventsOf = (runId: string) => sink.events.filter((event) => event.workflowRunId === runId);
  const stageOf = (runId: string, stageId: string) => store.persistence.getStage(runId, stageId);
  const { host, kernel } = main;
  return { environment, store, sink, sent, delays, errors, sending, host, kernel, startProcess, create, deliverAll, eventsOf, stageOf };
}
