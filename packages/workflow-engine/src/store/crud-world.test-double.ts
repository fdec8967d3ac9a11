// What the tests of storeOver share: kernels on the adapter and the queue of a person's own, and workers that go by plain commands or by
// a session.
import { z } from "zod";
import { createKernel } from "../defaults.ts";
import { defineStage, defineWorkflow } from "../define/index.ts";
import type { AnyWorkflow } from "../define/workflow.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import type { WorkSession } from "../kernel/session.ts";
import { CollectingEventSink, createFakeEnvironment, type FakeEnvironment } from "../kernel/testing/index.ts";
import type { Environment } from "../ports/environment.ts";
import type { EventSink } from "../ports/event-sink.ts";
import type { DequeueResult } from "../ports/job.ts";
import type { Persistence } from "../ports/persistence.ts";
import type { RunRecord } from "../ports/run.ts";
import type { Status } from "../ports/status.ts";
import { CrudAdapter } from "./crud-adapter.test-double.ts";
import { CrudQueue } from "./crud-queue.test-double.ts";

type Context = { input: unknown; attempt: number; signal: AbortSignal; resumeState?: unknown; workflowContext: Record<string, unknown> };

/** A builder whose type does not grow with its stages. */
interface Growing {
  pipe(stage: unknown): Growing;
  parallel(stages: unknown[]): Growing;
  build(): AnyWorkflow;
}

/** A stage that takes anything, and gives what `execute` answers. */
export function stageOf(id: string, execute: (ctx: Context) => unknown = () => id) {
  return defineStage({
    id,
    name: id,
    schemas: { input: z.any(), output: z.any(), config: z.object({}) },
    retry: { jitter: 0 },
    execute: async (ctx) => ({ output: await execute(ctx) }),
  });
}

/** A workflow of groups; a group of several stages is parallel. */
export function workflowOf(id: string, ...groups: Array<ReturnType<typeof stageOf>[]>): AnyWorkflow {
  let builder = defineWorkflow({ id, name: id, input: z.any() }) as unknown as Growing;
  for (const group of groups) builder = group.length === 1 ? builder.pipe(group[0]) : builder.parallel(group);
  return builder.build();
}

/** Rows, a queue, and the processes that work on them. */
export class World {
  readonly environment: Environment;
  readonly adapter: CrudAdapter;
  readonly queue: CrudQueue;
  readonly sink = new CollectingEventSink();
  readonly kernel: Kernel;
  readonly #workflows: readonly AnyWorkflow[];
  readonly #wrap: (rows: CrudAdapter) => Persistence;

  constructor(
    workflows: readonly AnyWorkflow[],
    environment: Environment = createFakeEnvironment(),
    wrap?: (rows: CrudAdapter) => Persistence,
  ) {
    this.environment = environment;
    this.adapter = new CrudAdapter(environment);
    this.queue = new CrudQueue(environment);
    this.#workflows = workflows;
    this.#wrap = wrap ?? ((rows) => rows);
    this.kernel = this.process();
  }

  /** A kernel of another process over the same rows and queue. */
  process(workflows = this.#workflows, eventSink: EventSink = this.sink): Kernel {
    const persistence = this.#wrap(new CrudAdapter(this.environment, this.adapter.database));
    return createKernel({
      payloadLimits: { inlineBytes: 32 * 1024 },
      persistence,
      jobTransport: this.queue,
      environment: this.environment,
      registry: createRegistry(workflows),
      eventSink,
    });
  }

  advance(ms: number): Promise<void> {
    return (this.environment as FakeEnvironment).advance(ms);
  }

  async create(workflowId: string, input: unknown = {}, idempotencyKey = this.environment.newId()): Promise<string> {
    const created = await this.kernel.dispatch({ type: "run.create", idempotencyKey, workflowId, input });
    return created.workflowRunId;
  }

  /** Executes one leased job as a host of plain commands does. */
  async execute(job: DequeueResult, kernel = this.kernel): Promise<{ outcome: string; discarded?: boolean | undefined }> {
    const { jobId, workflowRunId, workflowId, stageId, attempt, maxAttempts, payload } = job;
    const config = payload["config"] as Record<string, unknown>;
    const executionId = payload["executionId"] as string;
    const ids = { workflowRunId, workflowId, stageId, jobId, executionId };
    const result = await kernel.dispatch({ type: "job.execute", ...ids, attempt, maxAttempts, config });
    await this.queue.complete(jobId);
    await kernel.dispatch({ type: "run.transition", workflowRunId });
    return result;
  }

  /** Claims and executes by plain commands until the queue has nothing due. */
  async work(kernel = this.kernel): Promise<void> {
    await kernel.dispatch({ type: "run.claimPending", workerId: "w", maxClaims: 100 });
    for (let job = await this.queue.dequeue(); job; job = await this.queue.dequeue()) await this.execute(job, kernel);
  }

  /** Claims and executes by a session until there is nothing due. */
  async workBySession(session: WorkSession, max = 50): Promise<void> {
    const options = { onCodeEnded: () => undefined, slots: () => 0 };
    for (;;) {
      const { claimed } = await session.claim(max, 0);
      const jobs = await session.take(max);
      if (claimed === 0 && jobs.length === 0) return;
      await Promise.all(jobs.map((job) => session.execute(job, options)));
    }
  }

  async run(runId: string): Promise<RunRecord> {
    return (await this.adapter.getRun(runId))!;
  }

  /** Status of each stage by its id. */
  async stages(runId: string): Promise<Record<string, Status>> {
    const stages = await this.adapter.getStagesByRun(runId);
    return Object.fromEntries(stages.map((stage) => [stage.stageId, stage.status]));
  }

  /** Types of the events flushed so far, jobs included if one ever came through. */
  async events(kernel = this.kernel): Promise<string[]> {
    while ((await kernel.dispatch({ type: "outbox.flush", maxEvents: 50 })).published > 0);
    return this.sink.events.map((event) => event.type);
  }
}
