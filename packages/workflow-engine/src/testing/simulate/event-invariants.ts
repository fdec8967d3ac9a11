// What must be so of a run's events (P4, P18): they tell a story that the workflow allows, nothing of it is lost, and each is first told
// in its order.
import type { WorkflowPlan } from "../../define/plan.ts";
import { isEnded } from "../../ports/status.ts";
import type { SimulatedHistory, SimulatedRun } from "./finished-history.ts";

/** An event as both the store and the sink have it. */
interface Told {
  type: string;
  stageId: string | undefined;
  fromStageId: string | undefined;
}

function toldOf({ stored, events }: Pick<SimulatedRun, "stored" | "events">): Told[] {
  const source =
    stored?.map(({ eventType, payload }) => ({ type: eventType, fields: payload })) ??
    events.map((one) => ({ type: one.type, fields: one }));
  return source.map(({ type, fields }) => {
    const { stageId, fromStageId } = fields as { stageId?: string; fromStageId?: string };
    return { type, stageId, fromStageId };
  });
}

/** The states that a run's events go through. */
class Telling {
  readonly #plan: WorkflowPlan;
  readonly #started = new Set<string>();
  readonly #completed = new Set<string>();
  #end: string | null = null;
  #count = 0;
  #hasStarted = false;

  constructor(plan: WorkflowPlan) {
    this.#plan = plan;
  }

  get completed(): ReadonlySet<string> {
    return this.#completed;
  }

  get end(): string | null {
    return this.#end;
  }

  /** What is wrong with this event after those before it. */
  next({ type, stageId, fromStageId }: Told): string | null {
    const place = this.#count++;
    if ((type === "workflow:created") !== (place === 0)) return `${type} is event ${place + 1}`;
    if (type === "workflow:started" && this.#hasStarted) return "workflow:started was told again";
    this.#hasStarted ||= type === "workflow:started";
    if (type === "budget:raised") return null; // says what is allowed, not what happened; a run that has ended may be reopened
    // a run that was cancelled before anybody claimed it starts by its rerun
    this.#hasStarted ||= type === "workflow:rerun";
    if (type === "workflow:rerun") return this.#reopen(fromStageId ?? "");
    if (this.#end !== null) return `${type} was told after ${this.#end}`;
    if (stageId !== undefined && !this.#plan.getStage(stageId)) return `${type} tells of ${stageId}, which the workflow has not`;
    if (type.startsWith("stage:") && !this.#hasStarted) return `${type} was told before workflow:started`;
    if (type === "stage:started") return this.#start(stageId ?? "");
    if (type === "stage:completed") return this.#complete(stageId ?? "");
    if (type === "workflow:completed") return this.#endWell();
    if (type === "workflow:failed" || type === "workflow:cancelled") this.#end = type;
    return null;
  }

  #reopen(fromStageId: string): string | null {
    if (this.#end === null) return "reopened before it had ended";
    const from = this.#plan.getStage(fromStageId)?.executionGroup ?? 0;
    for (const { stageId, executionGroup } of this.#plan.stages) {
      if (executionGroup < from) continue;
      this.#started.delete(stageId);
      this.#completed.delete(stageId);
    }
    this.#end = null;
    return null;
  }

  #start(stageId: string): string | null {
    const group = this.#plan.getStage(stageId)!.executionGroup;
    const missing = this.#plan.stages.find((stage) => stage.executionGroup < group && !this.#completed.has(stage.stageId));
    if (missing) return `${stageId} started before ${missing.stageId} had completed`;
    if (this.#completed.has(stageId)) return `${stageId} started again after it had completed`;
    this.#started.add(stageId);
    return null;
  }

  #complete(stageId: string): string | null {
    if (this.#completed.has(stageId)) return `${stageId} completed twice`;
    if (!this.#started.has(stageId)) return `${stageId} completed and never started`;
    this.#completed.add(stageId);
    return null;
  }

  #endWell(): string | null {
    this.#end = "workflow:completed";
    const missing = this.#plan.stages.find(({ stageId }) => !this.#completed.has(stageId));
    return missing ? `the run completed before ${missing.stageId} had` : null;
  }
}

const endOf: Readonly<Record<string, string>> = {
  COMPLETED: "workflow:completed",
  FAILED: "workflow:failed",
  CANCELLED: "workflow:cancelled",
};

/** What a run's events tell is what the workflow allows, and what its rows say. */
export function eventsFollowTheWorkflow(
  seen: Pick<SimulatedRun, "stored" | "events" | "run" | "stages">,
  { workflow, hasEnded }: Pick<SimulatedHistory, "workflow" | "hasEnded">,
): string | null {
  const telling = new Telling(workflow.plan);
  for (const told of toldOf(seen)) {
    const problem = telling.next(told);
    if (problem !== null) return problem;
  }
  const { run, stages } = seen;
  if (!hasEnded || !isEnded(run.status)) return null;
  if (telling.end !== endOf[run.status]) return `is ${run.status}, and its last word was ${telling.end}`;
  const untold = stages.find(({ stageId, status }) => (status === "COMPLETED") !== telling.completed.has(stageId));
  return untold ? `${untold.stageId} is ${untold.status}, and its events say otherwise` : null;
}

/** Every event the store keeps is told, or a dead letter; in order, with no gap. */
export function eventsAreWhole({ stored, events }: SimulatedRun, { deadLetters, hasEnded }: SimulatedHistory): string | null {
  if (!stored) return null;
  const gap = stored.findIndex(({ sequence }, i) => sequence !== i + 1);
  if (gap >= 0) return `event ${gap + 1} has sequence ${stored[gap]!.sequence}`;
  const sequenceOf = new Map(stored.map(({ id, sequence }) => [id, sequence]));
  let last = 0;
  for (const { eventId, type } of events) {
    const sequence = sequenceOf.get(eventId ?? "");
    if (sequence === undefined) return `${type} was told, and the store does not know it`;
    if (sequence < last) return `event ${sequence} (${type}) was first told after event ${last}`;
    last = sequence;
  }
  if (!hasEnded) return null;
  const told = new Set([...events.map(({ eventId }) => eventId), ...deadLetters.map(({ event }) => event.id)]);
  const lost = stored.find(({ id }) => !told.has(id));
  return lost ? `event ${lost.sequence} (${lost.eventType}) was never told` : null;
}

/**
 * Two workers to which nothing has happened never tell events of one run at the same time. The lease of a flusher lasts 5 s: where the
 * host's clock judges it, clocks that differ by more may tell an event twice, which consumers expect; so may processes on a CRUD adapter,
 * whose port has no row for that lease.
 */
export function oneFlusherAtATime({ deliveries, history, runs }: SimulatedHistory): string | null {
  if (history.includes("=skewed") || runs.every(({ state }) => state === null)) return null;
  const sound = deliveries.filter(({ process }) => !process.isDisturbed);
  for (const [i, one] of sound.entries()) {
    // in order of their beginning: what begins after this one has ended overlaps with nothing before it
    for (let j = i + 1; j < sound.length && sound[j]!.startedAt < (one.endedAt ?? Number.POSITIVE_INFINITY); j++) {
      const other = sound[j]!;
      if (other.process === one.process || other.event.workflowRunId !== one.event.workflowRunId) continue;
      return `${one.process.label} and ${other.process.label} told events of one run at the same time (${one.event.type}, ${other.event.type})`;
    }
  }
  return null;
}
