// A history that is over, as invariants see it: the rows it left, and what was seen on the way.
import type { AnyWorkflow } from "../../define/workflow.ts";
import type { KernelEvent } from "../../ports/event.ts";
import type { LedgerRow } from "../../ports/ledger.ts";
import type { OutboxRecord } from "../../ports/outbox.ts";
import type { AttemptRecord, DeadLetterRecord, StageDetail } from "../../ports/reader.ts";
import type { RunRecord } from "../../ports/run.ts";
import type { StageRecord } from "../../ports/stage.ts";
import { isEnded } from "../../ports/status.ts";
import type { Changes, RunState, Snapshot, StageState } from "../../ports/store.ts";
import type { ClientAnswer, OutsideCall, SimulatedDelivery, SimulatedExecution } from "./sightings.ts";
import type { SimulatedStore } from "./simulated-store.ts";
import type { World } from "./world.ts";

/** One run of a history. */
export interface SimulatedRun {
  readonly run: RunRecord;
  /** In order of the workflow. */
  readonly stages: readonly (StageRecord & Partial<Pick<StageDetail, "executionId" | "maxAttempts">>)[];
  /** The run's events in order, each once, as the sink first got them. */
  readonly events: readonly KernelEvent[];
  /** The events the store keeps; null when it has no reader. */
  readonly stored: readonly OutboxRecord[] | null;
  /** Every try; empty when the store keeps none. */
  readonly attempts: readonly AttemptRecord[];
  /** Its model calls; null when the store keeps no ledger. */
  readonly ledger: readonly LedgerRow[] | null;
  /** What rules see of the run and its stages; null when the store has no door of its own. */
  readonly state: { readonly run: RunState; readonly stages: readonly StageState[] } | null;
}

/** A history that is over. */
export interface SimulatedHistory<W = unknown> {
  readonly seed: number;
  /** Replays it, with the seed. */
  readonly history: string;
  readonly workflow: AnyWorkflow;
  /** What lies outside the engine, as the history left it. */
  readonly outside: W;
  readonly runs: readonly SimulatedRun[];
  readonly executions: readonly SimulatedExecution[];
  readonly calls: readonly OutsideCall[];
  readonly deliveries: readonly SimulatedDelivery[];
  readonly answers: readonly ClientAnswer[];
  readonly deadLetters: readonly DeadLetterRecord[];
  /** Counters that were wrong while the history happened. */
  readonly miscounts: readonly string[];
  /** True when every run ended and everything was published in time. */
  readonly hasEnded: boolean;
  /** True when the store still knows of something that becomes due. */
  readonly isAwaited: boolean;
}

const allStatuses = ["PENDING", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "CANCELLED"] as const;
const most = 100_000;

/** Reads what a history left. */
export async function readHistory(
  world: World,
  store: SimulatedStore,
  workflow: AnyWorkflow,
  outside: unknown,
  hasEnded: boolean,
): Promise<SimulatedHistory> {
  return world.aside(async () => {
    const runs: RunRecord[] = [];
    for (const status of allStatuses) runs.push(...(await store.persistence.getRunsByStatus(status)));
    const { executions, calls, deliveries, answers, miscounts } = world.seen;
    return {
      seed: world.choices.seed,
      history: world.choices.written(),
      ...{ workflow, outside, executions, calls, deliveries, answers, miscounts, hasEnded },
      runs: await Promise.all(runs.map((run) => readRun(world, store, run))),
      deadLetters: store.runStore && store.reader ? (await store.reader.listDeadLetters({ limit: 500 })).items : [],
      isAwaited: (await store.runStore?.nextWakeAt()) != null,
    };
  });
}

async function readRun(world: World, store: SimulatedStore, run: RunRecord): Promise<SimulatedRun> {
  const events: KernelEvent[] = [];
  const known = new Set<string | undefined>();
  for (const { event, wasTaken } of world.seen.deliveries) {
    if (!wasTaken || event.workflowRunId !== run.id || known.has(event.eventId)) continue;
    known.add(event.eventId);
    events.push(event);
  }
  const { reader, runStore, persistence } = store;
  const detail = runStore && reader ? await reader.getRunDetail(run.id) : null;
  return {
    run,
    stages: detail?.stages ?? (await persistence.getStagesByRun(run.id)),
    events,
    stored: runStore && reader ? await reader.listEvents(run.id, 0, most) : null,
    attempts: runStore && reader ? await reader.listAttempts(run.id) : [],
    ledger: (await store.aiCallLogger?.ledger?.listCalls({ runId: run.id, limit: most })) ?? null,
    state: await readState(store, run.id),
  };
}

/** What rules see of a run now; null when the store has no door of its own. */
async function readState({ runStore }: SimulatedStore, runId: string): Promise<SimulatedRun["state"]> {
  return runStore ? runStore.transact({ runId, decide: lookAtState }) : null;
}

/** Looks at the counters of every run under way. */
export function countNow(world: World, store: SimulatedStore): Promise<void> {
  return world.aside(async () => {
    for (const { id } of await store.persistence.getRunsByStatus("RUNNING")) {
      const problem = miscountOf(await readState(store, id));
      if (problem !== null) world.seen.miscounts.push(problem);
    }
  });
}

/** What is wrong with a run's counters; null when they count. */
export function miscountOf(state: SimulatedRun["state"]): string | null {
  if (!state) return null;
  const { open, suspended, group } = state.run;
  const inGroup = state.stages.filter((stage) => stage.group === group && !isEnded(stage.status));
  const waiting = inGroup.filter((stage) => stage.status === "SUSPENDED").length;
  if (open !== inGroup.length) return `says ${open} stages are open, ${inGroup.length} are`;
  return suspended === waiting ? null : `says ${suspended} stages are suspended, ${waiting} are`;
}

/** Changes nothing: what rules see. */
function lookAtState({ run, stages }: Snapshot): Changes<SimulatedRun["state"]> {
  if (!run) return { result: null };
  return stages ? { result: { run, stages } } : { result: null, need: "stages" };
}
