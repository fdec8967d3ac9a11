// Progress and log lines of a running stage, visible while it runs (P19); an execution that lost its stage tells nothing (P13).
import type { DraftEvent } from "../../ports/event.ts";
import type { Decide, ExecutionRef, LogRow } from "../../ports/store.ts";
import { heldBy } from "./fence.ts";
import { lastProgress } from "./settle.ts";

/** Writes what a stage has to tell; the answer is false when it no longer holds its stage. */
export function tell(ref: ExecutionRef, from: "RUNNING" | "SUSPENDED", logs: LogRow[], progress: DraftEvent[]): Decide<boolean> {
  return (snapshot) => {
    if (!heldBy(ref, from, snapshot)) return { result: false };
    const told = lastProgress(progress);
    return {
      result: true,
      logs,
      events: progress,
      ...(told.progress !== undefined && { stages: [{ stageId: ref.stageId, item: ref.item, set: {}, payloads: told }] }),
    };
  };
}
