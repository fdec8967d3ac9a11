// Every way there is to drive a run, as one function each: the node host, the serverless host by each of its methods, the runtime, the
// executor, and runAndWait.
import {
  type BlobStore,
  createKernel,
  createRegistry,
  createWorkflowRuntime,
  type DequeueResult,
  type Environment,
  type JobTransport,
  type Kernel,
  type Persistence,
  type Reader,
  type Scheduler,
  WorkflowExecutor,
} from "@bratsos/workflow-engine";
import { CollectingEventSink } from "@bratsos/workflow-engine/kernel/testing";
import type { FakeEnvironment } from "@bratsos/workflow-engine/testing";
import { createNodeHost, runAndWait } from "@bratsos/workflow-engine-host-node";
import { createQueueTransport, createServerlessHost, type JobMessage } from "@bratsos/workflow-engine-host-serverless";
import { parityWorkflow } from "./parity-workflow.ts";

/** A store of any kind: what all of ours have. */
export interface AnyStore {
  persistence: Persistence;
  jobTransport: JobTransport;
  blobStore: BlobStore;
  scheduler: Scheduler;
  reader: Reader;
  environment: Environment;
  close(): Promise<void>;
}

/** What a binding is given. */
export interface BindingOptions {
  store: AnyStore;
  environment: FakeEnvironment;
  input: { n: number };
  metadata: Record<string, unknown>;
}

/** One way to drive a run; answers its id once it has ended and its events are published. */
export interface Binding {
  name: string;
  run(options: BindingOptions): Promise<string>;
}

const registry = createRegistry([parityWorkflow]);
const workflowId = parityWorkflow.id;

async function until(environment: FakeEnvironment, isDone: () => Promise<boolean>, round: () => Promise<unknown> = async () => undefined) {
  for (let seconds = 0; seconds < 600; seconds++) {
    await round();
    if (await isDone()) return;
    await environment.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 1)); // a store over a network answers in its own time
  }
  throw new Error("the run has not ended within ten minutes of virtual time");
}

function create(kernel: Kernel, { input, metadata }: BindingOptions): Promise<{ workflowRunId: string }> {
  return kernel.dispatch({ type: "run.create", idempotencyKey: "parity", workflowId, input, metadata });
}

/** True once the run has ended and its last event can be read. */
function hasEnded({ store }: BindingOptions, runId: string): () => Promise<boolean> {
  return async () => (await store.reader.listEvents(runId, 0, 1_000)).some(({ eventType }) => eventType === "workflow:completed");
}

async function nodeHost(options: BindingOptions): Promise<string> {
  const kernel = createKernel({ ...options.store, registry });
  const host = createNodeHost({ kernel, workerId: "w1", handleSignals: false });
  await host.start();
  const { workflowRunId } = await create(kernel, options);
  await until(options.environment, hasEnded(options, workflowRunId));
  await host.stop();
  return workflowRunId;
}

async function waited({ store, environment, input, metadata }: BindingOptions): Promise<string> {
  const kernel = createKernel({ ...store, registry });
  const host = createNodeHost({ kernel, workerId: "w1", handleSignals: false });
  let runId: string | null = null;
  const command = { idempotencyKey: "parity", workflowId, input, metadata };
  const result = runAndWait({ kernel, host, persistence: store.persistence, command }).then((end) => (runId = end.runId));
  await until(environment, async () => runId !== null);
  return result;
}

/** The platform's queue calls the function with every job; what failed is delivered again. */
async function serverlessQueue(options: BindingOptions): Promise<string> {
  const { store, environment } = options;
  const messages: JobMessage[] = [];
  const jobTransport = createQueueTransport((message) => void messages.push(message), { environment });
  const kernel = createKernel({ ...store, jobTransport, registry });
  const host = createServerlessHost({ kernel, jobTransport, workerId: "fn" });
  const { workflowRunId } = await create(kernel, options);
  await until(environment, hasEnded(options, workflowRunId), async () => {
    await host.runMaintenanceTick();
    for (const message of messages.splice(0)) {
      const { outcome } = await host.handleJob(message);
      if (outcome === "failed") messages.push(message);
    }
  });
  return workflowRunId;
}

/** The function asks the store for jobs, whenever it is called. */
async function serverlessStore(options: BindingOptions): Promise<string> {
  const { store, environment } = options;
  const kernel = createKernel({ ...store, registry });
  const host = createServerlessHost({ kernel, jobTransport: store.jobTransport, workerId: "fn" });
  const { workflowRunId } = await create(kernel, options);
  await until(environment, hasEnded(options, workflowRunId), async () => {
    await host.runMaintenanceTick();
    await host.processAvailableJobs({ maxJobs: 2 });
  });
  return workflowRunId;
}

/** Jobs that somebody else took from the store's queue, handed in one by one. */
async function serverlessDequeued(options: BindingOptions): Promise<string> {
  const { store, environment } = options;
  const { jobTransport } = store;
  const failed: DequeueResult[] = [];
  const kernel = createKernel({ ...store, registry });
  const host = createServerlessHost({ kernel, jobTransport, workerId: "fn" });
  const { workflowRunId } = await create(kernel, options);
  await until(environment, hasEnded(options, workflowRunId), async () => {
    await host.runMaintenanceTick();
    for (let job = failed.shift() ?? (await jobTransport.dequeue()); job; job = await jobTransport.dequeue()) {
      if ((await host.handleJob(job)).outcome === "failed") failed.push(job);
    }
  });
  return workflowRunId;
}

async function runtime(options: BindingOptions): Promise<string> {
  const { store, environment, input, metadata } = options;
  const driven = createWorkflowRuntime({ ...store, registry, workerId: "w1", handleSignals: false, quiet: true });
  await driven.start();
  const { workflowRunId } = await driven.createRun({ workflowId, input, metadata });
  await until(environment, hasEnded(options, workflowRunId));
  await driven.stop();
  return workflowRunId;
}

/** Executes until it suspends, and resumes until it has ended. */
async function executor(options: BindingOptions): Promise<string> {
  const { store, environment, input } = options;
  const { workflowRunId } = await create(createKernel({ ...store, registry }), options);
  const executing = new WorkflowExecutor(parityWorkflow, workflowRunId, workflowId, { ...store, eventSink: new CollectingEventSink() });
  for (let result: unknown = "suspended", seconds = 0; result === "suspended"; seconds++) {
    if (seconds > 100) throw new Error("the run stays suspended");
    let isDone = false;
    const execution = executing.execute(input, undefined, { resume: seconds > 0 }).finally(() => (isDone = true));
    await until(environment, async () => isDone);
    result = await execution;
    await environment.advance(1_000);
  }
  return workflowRunId;
}

/** All of them. */
export const bindings: readonly Binding[] = [
  { name: "the node host", run: nodeHost },
  { name: "runAndWait", run: waited },
  { name: "the serverless host, handleJob behind a platform's queue", run: serverlessQueue },
  { name: "the serverless host, handleJob with jobs of the store's own queue", run: serverlessDequeued },
  { name: "the serverless host, processAvailableJobs", run: serverlessStore },
  { name: "the runtime", run: runtime },
  { name: "the executor", run: executor },
];
