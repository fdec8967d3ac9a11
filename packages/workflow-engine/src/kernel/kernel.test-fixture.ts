// A kernel over a memory store under virtual time, whose store can be made to fail. Not part of the build.
import { createKernel, type KernelConfig } from "../defaults.ts";
import type { AnyWorkflow } from "../define/workflow.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { Status } from "../ports/status.ts";
import { FaultPlan, faulty, type PortCall } from "../testing/faults.ts";
import type { KernelCommand } from "./commands/command.ts";
import { createRegistry } from "./registry.ts";
import { CollectingEventSink } from "./testing/collecting-event-sink.ts";
import { createFakeEnvironment } from "./testing/fake-environment.ts";
import { NoopScheduler } from "./testing/noop-scheduler.ts";

/** A run.create of workflow `w`. */
export const create = { type: "run.create", idempotencyKey: "k", workflowId: "w", input: {} } as const;

/** Opens a kernel on an empty store. `fails` decides which calls of the store reject; change it at will. */
export function openKernel(workflows: readonly AnyWorkflow[], options: Partial<KernelConfig> = {}) {
  const environment = createFakeEnvironment();
  const store = createMemoryStore({ environment });
  const sink = new CollectingEventSink();
  const scheduler = new NoopScheduler();
  const state = { fails: (_call: PortCall): boolean => false };
  const plan = new FaultPlan((call) => (state.fails(call) ? "before" : null));
  plan.arm();
  const registry = createRegistry(workflows);
  const kernel = createKernel({ ...faulty(store, plan), registry, environment, eventSink: sink, scheduler, ...options });
  const statusOf = async (runId: string): Promise<Status | null> => store.persistence.getRunStatus(runId);
  /** Creates a run and opens its first group. */
  const begin = async (command: Partial<Extract<KernelCommand, { type: "run.create" }>> = {}): Promise<string> => {
    const { workflowRunId } = await kernel.dispatch({ ...create, ...command });
    await kernel.dispatch({ type: "run.claimPending", workerId: "w1" });
    return workflowRunId;
  };
  return { environment, store, sink, scheduler, state, plan, kernel, statusOf, begin, calls: () => plan.calls };
}
