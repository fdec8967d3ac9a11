// Who may still write: the fence every rule asks first (P8, P13). An execution that lost its stage, or whose run has moved on,
// changes nothing and is told so.
import type { ExecutionRef, RunState, Snapshot, StageState } from "../../ports/store.ts";

/** A snapshot in which the execution holds its stage. */
export interface Held {
  run: RunState;
  stage: StageState;
}

/** The run and stage when `ref` still is the stage's execution, in this status, of a RUNNING run; null otherwise. */
export function heldBy(ref: ExecutionRef, status: "RUNNING" | "SUSPENDED", snapshot: Snapshot): Held | null {
  const { run, stage } = snapshot;
  if (run?.status !== "RUNNING" || stage?.status !== status || stage.executionId !== ref.executionId) return null;
  return { run, stage };
}
