// An attempt that is over, kept beside the stage that goes on.
import type { AttemptRow, StageState } from "../../ports/store.ts";

/** The row that keeps an attempt which is over. */
export function attemptOf(stage: StageState, endedAt: number, outcome: AttemptRow["outcome"], error: string | null): AttemptRow {
  return {
    stageId: stage.stageId,
    item: stage.item,
    attempt: stage.attempt,
    executionId: stage.executionId,
    workerId: stage.lease?.workerId ?? null,
    startedAt: stage.startedAt,
    endedAt,
    outcome,
    error,
  };
}
