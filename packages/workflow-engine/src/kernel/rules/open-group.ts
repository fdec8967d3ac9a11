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
  const slots = Math.ceil(taker?.slots ?? 0); // a host may share its places by fractions
  const open = group.stages.map((planned, index) => {
    const executionId = index === 0 ? freshId : `${freshId}-${index}`;
    return newStage(planned, run.id, executionId, now, index < slots ? taker : null);
  });
  const handed = slots < open.length ? open.slice(0, slots) : open;
  return { open, events: handed.map(startedEvent), handed };
}

/** What a run says of the group that was opened; one without stages is over at once and waits for run.transition (P17). */
export function openedRun(group: PlannedGroup, now: number): NonNullable<Changes<unknown>["run"]> {
  const open = group.stages.length;
  return { group: group.executionGroup, open, suspended: 0, transitionAt: open === 0 ? now : null };
}

/** A stage that waits in the queue, or that runs at once where somebody takes it. */
function newStage(planned: PlannedStage, runId: string, executionId: string, now: number, taker: Taker | null): StageState {
  return {
    runId,
    stageId: planned.stageId,
    item: 0,
    name: planned.stage.name,
    number: planned.stageNumber,
    group: planned.executionGroup,
    status: taker ? "RUNNING" : "PENDING",
    attempt: taker ? 1 : 0,
    maxAttempts: planned.stage.retry?.maxAttempts ?? defaultMaxAttempts,
    executionId,
    lease: taker && { instanceId: taker.instance.id, workerId: taker.instance.workerId, lockedAt: now },
    waitReason: null,
    readyAt: taker ? null : now,
    pollAt: null,
    pollIntervalMs: null,
    maxWaitUntil: null,
    pollFailures: 0,
    startedAt: taker ? now : null,
    completedAt: null,
    error: null,
  };
}

/** The event of a stage that starts. */
export function startedEvent(stage: { stageId: string; name: string; number: number }): DraftEvent {
  return { type: "stage:started", stageId: stage.stageId, stageName: stage.name, stageNumber: stage.number };
}
