// What the tests of this room share: short ways to say a run, a stage and a plan. Not part of the build.
import { z } from "zod";
import { WorkflowBuilder } from "../../define/builder.ts";
import type { WorkflowPlan } from "../../define/plan.ts";
import type { RetryPolicy } from "../../define/policy.ts";
import { type AnyStage, defineStage } from "../../define/stage.ts";
import type { ExecutionRef, Lease, RunState, Snapshot, StageState } from "../../ports/store.ts";
import type { Taker } from "./open-group.ts";

/** The instant at which every rule is asked. */
export const now = 1_000;

/** The lease of a stage under way. */
export const lease: Lease = { instanceId: "i1", workerId: "w1", lockedAt: 300 };

/** A worker that takes over this many stages. */
export function takerOf(slots: number): Taker {
  return { instance: { id: "i9", workerId: "w9" }, slots };
}

/** A stage that takes and gives anything. */
export function declared(id: string, retry?: RetryPolicy): AnyStage {
  const schemas = { input: "none", output: z.any(), config: z.object({}) } as const;
  return defineStage({ id, name: id.toUpperCase(), retry, schemas, execute: async () => ({ output: null }) });
}

/** A group of a plan: a stage, a parallel list, or a list that awaits its siblings. */
export type GroupLiteral = string | readonly string[] | { await: readonly string[] };

/** Plan of workflow `w`. */
export function planOf(...groups: GroupLiteral[]): WorkflowPlan {
  const builder = new WorkflowBuilder("w", "W", "", z.any(), z.any());
  for (const group of groups) {
    if (typeof group === "string") builder.pipe(declared(group));
    else if ("await" in group)
      builder.parallel(
        group.await.map((id) => declared(id)),
        { onFailure: "await" },
      );
    else builder.parallel(group.map((id) => declared(id)));
  }
  return builder.build().plan;
}

/** A RUNNING run in its first group, of which one stage is open. */
export function run(fields: Partial<RunState> = {}): RunState {
  return {
    id: "r1",
    workflowId: "w",
    status: "RUNNING",
    priority: 5,
    group: 1,
    open: 1,
    suspended: 0,
    version: 3,
    createdAt: 100,
    startedAt: 200,
    completedAt: null,
    queuedAt: null,
    transitionAt: null,
    error: null,
    ...fields,
  };
}

/** A run that nobody has claimed. */
export function pendingRun(fields: Partial<RunState> = {}): RunState {
  return run({ status: "PENDING", group: 0, open: 0, version: 1, startedAt: null, queuedAt: 100, ...fields });
}

/** A stage that waits for a worker. */
export function pending(stageId: string, fields: Partial<StageState> = {}): StageState {
  return {
    runId: "r1",
    stageId,
    item: 0,
    name: stageId.toUpperCase(),
    number: 1,
    group: 1,
    status: "PENDING",
    attempt: 0,
    maxAttempts: 3,
    executionId: `x-${stageId}`,
    lease: null,
    waitReason: null,
    readyAt: 250,
    pollAt: null,
    pollIntervalMs: null,
    maxWaitUntil: null,
    pollFailures: 0,
    startedAt: null,
    completedAt: null,
    error: null,
    ...fields,
  };
}

/** A stage under way in its first attempt. */
export function running(stageId: string, fields: Partial<StageState> = {}): StageState {
  return pending(stageId, { status: "RUNNING", attempt: 1, lease, readyAt: null, startedAt: 300, ...fields });
}

/** A stage that is polled. */
export function suspended(stageId: string, fields: Partial<StageState> = {}): StageState {
  const wait = { waitReason: "poll", pollAt: 900, pollIntervalMs: 50, maxWaitUntil: 9_000 } as const;
  return running(stageId, { status: "SUSPENDED", lease: null, ...wait, ...fields });
}

/** A stage that ended. */
export function ended(stageId: string, status: "COMPLETED" | "FAILED" | "CANCELLED", fields: Partial<StageState> = {}): StageState {
  const error = status === "FAILED" ? `${stageId} broke` : null;
  return running(stageId, { status, lease: null, completedAt: 700, error, ...fields });
}

/** Names the execution of a stage. */
export function refOf({ runId, stageId, item, executionId }: StageState): ExecutionRef {
  return { runId, stageId, item, executionId };
}

/** What a rule sees of this run and this stage. */
export function seen(of: RunState | null, stage: StageState | null = null, rest: Partial<Snapshot> = {}): Snapshot {
  return { run: of, stage, freshId: "f1", ...rest };
}
