// A dispatched job.execute starts a stage, or learns why it may not (settled questions 2 and 3).
import type { Changes, Decide, Instance, StageState } from "../../ports/store.ts";
import { requireRun } from "./cancel.ts";
import { startedEvent } from "./open-group.ts";

/** Which execution the caller means; without an execution id any that may start. */
export interface StartStageOptions {
  instance: Instance;
  executionId: string | undefined;
  /** Number of this try, from 1; counted by the stage when absent. */
  attempt: number | undefined;
  maxAttempts: number | undefined;
}

/** What the caller may do now. */
export type StageStart =
  | { kind: "started"; stage: StageState }
  | { kind: "completed" }
  | { kind: "suspended"; nextPollAt: number | null }
  | { kind: "refused"; reason: string };

const refused = (reason: string): Changes<StageStart> => ({ result: { kind: "refused", reason } });

/** Starts a PENDING stage of a RUNNING run; a FAILED one too when the caller names no execution and so owns its retries. */
export function startStage(runId: string, options: StartStageOptions): Decide<StageStart> {
  return ({ run: found, stage, freshId }, now) => {
    const run = requireRun(found, runId);
    if (stage?.status === "COMPLETED") return { result: { kind: "completed" } };
    if (run.status !== "RUNNING") return refused(`the run is ${run.status}`);
    if (!stage) return refused("the stage has not been opened yet");
    if (options.executionId !== undefined && options.executionId !== stage.executionId) return refused("superseded by another execution");
    if (stage.status === "SUSPENDED") return { result: { kind: "suspended", nextPollAt: stage.pollAt } };
    if (stage.status === "RUNNING") return refused("in progress");
    const isAgain = stage.status === "FAILED" && options.executionId === undefined;
    if (stage.status !== "PENDING" && !isAgain) return refused(`the stage is ${stage.status}`);
    return begin(options, stage, isAgain ? freshId : stage.executionId, run, isAgain, now);
  };
}

function begin(
  options: StartStageOptions,
  stage: StageState,
  executionId: string,
  run: { open: number },
  isAgain: boolean,
  now: number,
): Changes<StageStart> {
  // a transport that leased the stage has counted the try already
  const counted = stage.lease && !isAgain ? stage.attempt : stage.attempt + 1;
  const set: Partial<StageState> = {
    status: "RUNNING",
    executionId,
    attempt: options.attempt ?? counted,
    maxAttempts: options.maxAttempts ?? stage.maxAttempts,
    lease: { instanceId: options.instance.id, workerId: options.instance.workerId, lockedAt: now },
    waitReason: null,
    readyAt: null,
    startedAt: now,
    completedAt: null,
    error: null,
  };
  return {
    result: { kind: "started", stage: { ...stage, ...set } },
    stages: [{ stageId: stage.stageId, item: stage.item, set }],
    run: isAgain ? { open: run.open + 1, error: null, transitionAt: null } : {},
    events: [startedEvent(stage)],
  };
}
