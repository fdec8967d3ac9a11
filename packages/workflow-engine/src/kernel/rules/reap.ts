// A lease is over: its worker died, or hands the stage back. The stage waits for another worker under a new execution id, so the old one
// writes nothing more (P13); attempts are bounded for crashes as for errors (P14).
import type { WorkflowPlan } from "../../define/plan.ts";
import type { Changes, Decide, ExecutionRef, StageState } from "../../ports/store.ts";
import { attemptOf } from "./attempt.ts";
import { fail } from "./settle.ts";

/** What became of a leased stage. */
export interface Reaped {
  outcome: "released" | "failed" | "discarded";
}

/** Who takes a stage up again: any worker, from the queue; or the caller that owns its retries, by delivering it again. */
export type NextOwner = "worker" | "caller";

/**
 * Puts a stage whose worker is gone back into the queue, or fails it when its attempts are used up. A process that does not know the
 * workflow never gives out another attempt; it leaves the end to one that does.
 */
export function reap(ref: ExecutionRef, planOf: (workflowId: string) => WorkflowPlan | null, owner: NextOwner = "worker"): Decide<Reaped> {
  return (snapshot, now): Changes<Reaped> => {
    const stage = leased(ref, snapshot);
    if (!snapshot.run || !stage) return { result: { outcome: "discarded" } };
    const plan = planOf(snapshot.run.workflowId);
    if (stage.attempt >= stage.maxAttempts) {
      if (!plan) return { result: { outcome: "discarded" } };
      const error = `Stage "${stage.stageId}" lost its worker ${stage.attempt} times, which is all its attempts: it may crash its process. See the worker's own log.`;
      const { result: _, ...changes } = fail({ plan, advances: true }, error, { run: snapshot.run, stage }, snapshot, now);
      return { ...changes, result: { outcome: "failed" } };
    }
    return { ...putBack(stage, snapshot.freshId, now, stage.attempt, owner), attempts: [attemptOf(stage, now, "LOST", null)] };
  };
}

/** Hands a stage back without spending the attempt: its worker is stopping, or does not know it. */
export function release(ref: ExecutionRef, delayMs = 0, owner: NextOwner = "worker"): Decide<Reaped> {
  return (snapshot, now): Changes<Reaped> => {
    const stage = leased(ref, snapshot);
    return stage ? putBack(stage, snapshot.freshId, now + delayMs, stage.attempt - 1, owner) : { result: { outcome: "discarded" } };
  };
}

function leased(ref: ExecutionRef, { run, stage }: Parameters<Decide<unknown>>[0]): StageState | null {
  const isLeased = run?.status === "RUNNING" && stage?.lease && (stage.status === "RUNNING" || stage.status === "PENDING");
  return isLeased && stage.executionId === ref.executionId ? stage : null;
}

function putBack(stage: StageState, freshId: string, dueAt: number, attempt: number, owner: NextOwner): Changes<Reaped> {
  const waits = owner === "caller" ? { waitReason: "caller" as const, readyAt: null } : { waitReason: null, readyAt: dueAt };
  return {
    result: { outcome: "released" },
    stages: [
      {
        stageId: stage.stageId,
        item: stage.item,
        set: { status: "PENDING", executionId: freshId, lease: null, attempt, startedAt: null, ...waits },
      },
    ],
    run: {},
  };
}
