// A kernel for people's own tests: everything in memory, time that passes only when the test says so, every event kept. A workflow that
// waits for hours is over in milliseconds, and comes out the same each time.
import { createKernel, type KernelConfig } from "../defaults.ts";
import type { AnyWorkflow } from "../define/workflow.ts";
import type { RunCreateCommand } from "../kernel/commands/command.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import { CollectingEventSink, createFakeEnvironment, type FakeEnvironment } from "../kernel/testing/index.ts";
import { createMemoryStore, type MemoryStore } from "../memory/memory-store.ts";
import type { KernelEvent } from "../ports/event.ts";
import type { RunRecord } from "../ports/run.ts";
import type { StageRecord } from "../ports/stage.ts";
import { createMockProvider, type MockScript } from "./ai/mock-provider.ts";
import { expectPresent, fail } from "./claims.ts";
import { startHost } from "./loop-host.ts";
import { settle } from "./passing-time.ts";

/** Options of `createTestKernel`; all but the workflows have defaults. */
export interface TestKernelOptions
  extends Partial<Pick<KernelConfig, "payloadLimits" | "retention" | "scheduler" | "blobStore" | "providerResolver">> {
  /** Answers of every model that `ctx.ai` calls; latencies pass in virtual time. The built-in providers when absent. */
  ai?: MockScript | undefined;
  workflows: readonly AnyWorkflow[];
  /** Where virtual time begins; default 2025-01-01T00:00:00Z. */
  start?: Date | undefined;
  /** Makes random numbers and ids repeat; default 1. */
  seed?: number | undefined;
  /** Stages that run at a time; default 10. */
  concurrency?: number | undefined;
  /** Resolves when nothing is under way outside, e.g. at a local server: virtual time passes only then. */
  quiet?: (() => Promise<void>) | undefined;
}

/** A run.create whose key may be left out. */
export type TestRunCommand = Omit<RunCreateCommand, "type" | "idempotencyKey"> & { idempotencyKey?: string | undefined };

/** How a run ended, and everything that was told of it. */
export interface TestRunEnd {
  run: RunRecord;
  /** By stage id. */
  stages: Record<string, StageRecord>;
  /** The run's events in order. */
  events: KernelEvent[];
}

/** A kernel in memory under virtual time. */
export interface TestKernel {
  readonly kernel: Kernel;
  readonly store: MemoryStore;
  readonly environment: FakeEnvironment;
  /** Gets every event. */
  readonly sink: CollectingEventSink;
  /** Creates a run and lets virtual time pass until it has ended; throws when that takes more than `maxMs` (default 30 days). */
  runToEnd(command: TestRunCommand, options?: { maxMs?: number | undefined }): Promise<TestRunEnd>;
  /** Lets virtual time pass, with a worker at work. */
  advance(ms: number): Promise<void>;
}

const aMonth = 30 * 24 * 60 * 60_000;
const ended: ReadonlySet<string> = new Set(["COMPLETED", "FAILED", "CANCELLED"]);

/**
 * Creates a kernel for tests: a memory store, a fake environment and a sink that collects.
 *
 * ```ts
 * const { runToEnd } = createTestKernel({ workflows: [invoices] });
 * const { run, stages, events } = await runToEnd({ workflowId: "invoices", input: { month: 3 } });
 * ```
 */
export function createTestKernel(options: TestKernelOptions): TestKernel {
  const { workflows, start, seed, concurrency = 10, ai, quiet, ...config } = options;
  const environment = createFakeEnvironment({ ...(seed !== undefined && { seed }), ...(start && { start }) });
  const store = createMemoryStore({ environment });
  const sink = new CollectingEventSink();
  const registry = createRegistry(workflows);
  const { persistence, jobTransport, blobStore, aiCallLogger } = store;
  const providerResolver = ai && createMockProvider(ai, environment).resolver;
  const parts = { persistence, jobTransport, blobStore, aiCallLogger, environment, eventSink: sink, registry };
  const kernel = createKernel({ ...parts, ...(providerResolver && { providerResolver }), ...config });
  let keys = 0;
  const timed = { environment, store };

  /** Works until `isOver`; a worker that is idle for long ticks rarely, so that days cost little. */
  const work = async (maxMs: number, isOver: () => Promise<boolean>): Promise<boolean> => {
    const deadline = environment.now() + maxMs;
    const host = startHost(kernel, { workerId: "test", concurrency, orchestrationIntervalMs: 60_000 });
    let isDone = false;
    for (;;) {
      await settle(timed);
      await quiet?.();
      isDone = await isOver();
      const next = environment.timers()[0];
      if (isDone || next === undefined || next > deadline) break;
      await environment.advance(Math.max(0, next - environment.now()));
    }
    if (!isDone) await environment.advance(deadline - environment.now());
    await host.stop();
    if (host.errors.length > 0) throw host.errors[0];
    return isDone;
  };

  return {
    ...{ kernel, store, environment, sink },
    runToEnd: async (command, { maxMs = aMonth } = {}) => {
      const idempotencyKey = command.idempotencyKey ?? `test-${(keys += 1)}`;
      const { workflowRunId } = await kernel.dispatch({ ...command, type: "run.create", idempotencyKey });
      const isOver = async (): Promise<boolean> => ended.has((await persistence.getRunStatus(workflowRunId)) ?? "");
      if (!(await work(maxMs, isOver))) fail(`run ${workflowRunId} has not ended after ${maxMs} ms of virtual time`);
      const run = expectPresent(await persistence.getRun(workflowRunId), "the run");
      const stages = await persistence.getStagesByRun(workflowRunId);
      const events = sink.events.filter((event) => event.workflowRunId === workflowRunId);
      return { run, stages: Object.fromEntries(stages.map((stage) => [stage.stageId, stage])), events };
    },
    advance: async (ms) => void (await work(ms, async () => false)),
  };
}
