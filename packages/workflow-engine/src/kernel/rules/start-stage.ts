// A dispatched job.execute starts a stage, or learns why it may not (settled questions 2 and 3).
import type { Changes, Decide, Instance, RunState, StageState } from "../../ports/store.ts";
import { attemptOf } from "./attempt.ts";
import { requireRun } from "./cancel.ts";
import { startedEvent } from "./open-group.ts";

/** Which execution the caller means; without an execution id any that may start. */
export interface StartStageOptions {
  instance: Instance;
  executionId: string | undefined;
  /** Number of this try as its caller counts, from 1; the stage's own count when that is higher or this is absent. */
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
  return ({ run: found, stage, stages, freshId }, now) => {
    const run = requireRun(found, runId);
    if (stage?.status === "COMPLETED") return { result: { kind: "completed" } };
    if (run.status !== "RUNNING") return refused(`the run is ${run.status}`);
    if (!stage) return refused("the stage has not been opened yet");
    if (isSuperseded(options.executionId, stage)) return refused("superseded by another execution");
    if (stage.status === "SUSPENDED") return { result: { kind: "suspended", nextPollAt: stage.pollAt } };
    if (stage.status === "RUNNING") return refused("in progress");
    if (stage.status === "PENDING") return begin(options, stage, stage.executionId, stage.lease !== null, now);
    if (stage.status !== "FAILED" || options.executionId !== undefined) return refused(`the stage is ${stage.status}`);
    if (!stages) return { ...refused("its siblings have not been loaded"), need: "stages" };
    const changes = begin(options, stage, freshId, false, now);
    return { ...changes, attempts: [attemptOf(stage, stage.completedAt ?? now, "FAILED", stage.error)], run: reopened(run, stage, stages) };
  };
}

/** The caller means an execution that is over; one that retries by redelivery (waitReason caller) knows no newer name. */
function isSuperseded(executionId: string | undefined, stage: StageState): boolean {
  return executionId !== undefined && executionId !== stage.executionId && stage.waitReason !== "caller";
}

/** A FAILED stage opens again: the run will fail no more, unless another stage of the group has failed as well. */
function reopened(run: RunState, stage: StageState, stages: StageState[]): Partial<RunState> {
  const isOther = ({ stageId, item }: StageState): boolean => stageId !== stage.stageId || item !== stage.item;
  const failed = stages.find((other) => other.status === "FAILED" && other.group === stage.group && isOther(other));
  const keepsMark = failed !== undefined && run.open > 0; // of an aborted group; an awaited one is marked when none is open
  return { open: run.open + 1, error: failed ? (failed.error ?? run.error) : null, transitionAt: keepsMark ? run.transitionAt : null };
}

function begin(options: StartStageOptions, stage: StageState, executionId: string, isCounted: boolean, now: number): Changes<StageStart> {
  // a transport that leased the stage has counted the try already
  const counted = isCounted ? stage.attempt : stage.attempt + 1;
  const set: Partial<StageState> = {
    status: "RUNNING",
    executionId,
    attempt: Math.max(options.attempt ?? 0, counted),
    maxAttempts: options.maxAttempts ?? stage.maxAttempts,
    lease: { instanceId: options.instance.id, workerId: options.instance.workerId, lockedAt: now },
    // kept while it runs: a redelivery that knows only the first execution's name is told that it is in progress, not that it is over
    waitReason: stage.waitReason === "caller" ? "caller" : null,
    readyAt: null,
    startedAt: now,
    completedAt: null,
    error: null,
  };
  return {
    result: { kind: "started", stage: { ...stage, ...set } },
    stages: [{ stageId: stage.stageId, item: stage.item, set }],
    run: {},
    events: [startedEvent(stage)],
  };
}
