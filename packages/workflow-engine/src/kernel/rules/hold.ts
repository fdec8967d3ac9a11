// A stage whose model call does not fit into a budget is held: it waits outside the queue, without a lease and without having spent the
// attempt, until the budget is raised.

import type { DraftEvent } from "../../ports/event.ts";
import type { BudgetLimit } from "../../ports/ledger.ts";
import type { BudgetRaise, Changes, Decide, JsonText, StageChange, StageState } from "../../ports/store.ts";
import type { Onward } from "./advance.ts";
import { attemptOf } from "./attempt.ts";
import { requireRun } from "./cancel.ts";
import type { Held } from "./fence.ts";

/** Why a stage is held: what is stored, what is said, what is told. */
export interface HeldOutcome {
  state: JsonText;
  reason: string;
  event: DraftEvent;
}

/** What became of the execution. */
export interface HeldExecution extends Onward {
  outcome: "held";
  wakeAt: null;
}

/** Holds a running stage; one whose budget was raised after its call was refused is queued again, since nobody would raise it for that call. */
export function hold(outcome: HeldOutcome, { run, stage }: Held, freshId: string, now: number): Changes<HeldExecution> {
  if (stage.waitReason === "budget") return tryAgain(outcome, stage, freshId, now);
  const suspended = run.suspended + 1;
  const events: DraftEvent[] = [{ ...outcome.event, stageId: stage.stageId, stageName: stage.name }];
  if (suspended === run.open) events.push({ type: "workflow:suspended", stageId: stage.stageId });
  const set: Partial<StageState> = {
    status: "SUSPENDED",
    waitReason: "budget",
    executionId: freshId,
    attempt: stage.attempt - 1,
    lease: null,
    ...{ readyAt: null, pollAt: null, pollIntervalMs: null, maxWaitUntil: null, startedAt: null },
    error: outcome.reason,
  };
  return {
    result: { advance: "waiting", handed: [], outputs: null, outcome: "held", wakeAt: null },
    attempts: [attemptOf(stage, now, "SUSPENDED", outcome.reason)],
    stages: [{ stageId: stage.stageId, item: stage.item, set, payloads: { state: outcome.state } }],
    run: { suspended },
    events,
  };
}

function tryAgain({ reason }: HeldOutcome, stage: StageState, executionId: string, now: number): Changes<HeldExecution> {
  const waits = { status: "PENDING", waitReason: null, readyAt: now } as const;
  const set: Partial<StageState> = { ...waits, executionId, attempt: stage.attempt - 1, lease: null, startedAt: null, error: null };
  return {
    result: { advance: "waiting", handed: [], outputs: null, outcome: "held", wakeAt: null },
    attempts: [attemptOf(stage, now, "SUSPENDED", reason)],
    stages: [{ stageId: stage.stageId, item: stage.item, set }],
    run: {},
  };
}

/** Answer of budget.raise. */
export interface Raised {
  resumedStages: string[];
}

/**
 * Raises a budget and queues the stages that are held; one that still does not fit is held again. Those under way are marked (`waitReason`
 * budget): a call of theirs may have been refused already, and nobody be there to hear of the raise when they are held.
 */
export function raiseBudget(
  runId: string,
  given: BudgetRaise,
  event: DraftEvent,
  declaredOf: (workflowId: string, stageId: string) => BudgetLimit | undefined = () => undefined,
): Decide<Raised> {
  return ({ run, stages, freshId }, now): Changes<Raised> => {
    const found = requireRun(run, runId);
    const declared = given.stageId === null ? undefined : declaredOf(found.workflowId, given.stageId);
    const raise = declared ? { ...given, declared } : given;
    const raised = { raiseBudget: raise, events: [event] };
    if (found.status !== "RUNNING") return { result: { resumedStages: [] }, ...raised };
    if (!stages) return { result: { resumedStages: [] }, need: "stages" };
    const waiting = stages.filter((stage) => isHeldBy(stage, raise));
    const underWay = stages.filter((stage) => stage.status === "RUNNING" && isMeant(stage, raise));
    return {
      result: { resumedStages: waiting.map(({ stageId }) => stageId) },
      stages: [...waiting.map((stage, index) => continued(stage, `${freshId}-${index}`, now)), ...underWay.map(marked)],
      run: { suspended: found.suspended - waiting.length },
      ...raised,
    };
  };
}

function isHeldBy(stage: StageState, raise: BudgetRaise): boolean {
  return stage.status === "SUSPENDED" && stage.waitReason === "budget" && isMeant(stage, raise);
}

function isMeant(stage: StageState, { stageId }: BudgetRaise): boolean {
  return stageId === null || stageId === stage.stageId;
}

function marked({ stageId, item }: StageState): StageChange {
  return { stageId, item, set: { waitReason: "budget" } };
}

function continued({ stageId, item }: StageState, executionId: string, now: number): StageChange {
  return { stageId, item, set: { status: "PENDING", waitReason: null, executionId, readyAt: now, error: null }, payloads: { state: null } };
}
