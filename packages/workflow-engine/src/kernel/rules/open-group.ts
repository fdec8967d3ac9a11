// Opens a group: a row for every stage of it, in the commit that ends the group before (P4). The worker that commits may take the
// first stages over at once; the others wait in the queue.
import type { PlannedGroup, PlannedStage } from "../../define/plan.ts";
import type { DraftEvent } from "../../ports/event.ts";
import type { Changes, Instance, RunState, StageState } from "../../ports/store.ts";

/** Tries of a stage that does not say. */
export const defaultMaxAttempts = 3;

/** A worker that is willing to take stages over in the commit that opens them. */
export interface Taker {
  instance: Instance;
  slots: number;
}

/** The rows of a group, the events of those that start at once, and who was handed what. */
export interface OpenedGroup {
  open: StageState[];
  events: DraftEvent[];
  handed: StageState[];
}

/** Rows for every stage of `group`; execution ids derive from `freshId`, which nobody else has. */
export function openGroup(group: PlannedGroup, run: RunState, freshId: string, now: number, taker: Taker | null): OpenedGroup {
  const handed: StageState[] = [];
  const events: DraftEvent[] = [];
  const open = group.stages.map((planned, index) => {
    const isHanded = taker !== null && handed.length < taker.slots;
    const stage = newStage(planned, run.id, index === 0 ? freshId : `${freshId}-${index}`, now);
    if (!isHanded) return stage;
    stage.status = "RUNNING";
    stage.attempt = 1;
    stage.readyAt = null;
    stage.startedAt = now;
    stage.lease = { instanceId: taker.instance.id, workerId: taker.instance.workerId, lockedAt: now };
    handed.push(stage);
    events.push(startedEvent(stage));
    return stage;
  });
  return { open, events, handed };
}

/** What a run says of the group that was opened; one without stages is over at once and waits for run.transition (P17). */
export function openedRun(group: PlannedGroup, now: number): NonNullable<Changes<unknown>["run"]> {
  const open = group.stages.length;
  return { group: group.executionGroup, open, suspended: 0, transitionAt: open === 0 ? now : null };
}

function newStage(planned: PlannedStage, runId: string, executionId: string, now: number): StageState {
  return {
    runId,
    stageId: planned.stageId,
    item: 0,
    name: planned.stage.name,
    number: planned.stageNumber,
    group: planned.executionGroup,
    status: "PENDING",
    attempt: 0,
    maxAttempts: planned.stage.retry?.maxAttempts ?? defaultMaxAttempts,
    executionId,
    lease: null,
    waitReason: null,
    readyAt: now,
    pollAt: null,
    pollIntervalMs: null,
    maxWaitUntil: null,
    pollFailures: 0,
    startedAt: null,
    completedAt: null,
    error: null,
  };
}

/** The event of a stage that starts. */
export function startedEvent(stage: { stageId: string; name: string; number: number }): DraftEvent {
  return { type: "stage:started", stageId: stage.stageId, stageName: stage.name, stageNumber: stage.number };
}
