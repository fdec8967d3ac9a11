// Picks waiting work, most urgent first: runs to claim, stages to lease, polls that are due (P3, P10, P13).
// A step is synchronous, so two takers never get the same row.
import type { DraftEvent } from "../ports/event.ts";
import type { Decide, Instance, Job, Poll, RunPayloads, StageState } from "../ports/store.ts";
import { appendEvents, applyChanges, putStage } from "./apply-changes.ts";
import { askRule, payloadsOf } from "./decide.ts";
import type { MemoryTables, RunRow, StageRow } from "./memory-tables.ts";
import { compareText, firstOf } from "./table.ts";

const DEFAULT_POLL_INTERVAL_MS = 30_000;

/** A stage and the run it belongs to. */
interface StageOfRun {
  stage: StageRow;
  run: RunRow;
}

/** What a taker works with. */
export interface TakeContext {
  tables: MemoryTables;
  now: number;
  newId: () => string;
}

/** Decides on due PENDING runs; a rule that throws leaves its run as it is, stops nobody else and takes nobody's place. */
export function claimRuns<R>(context: TakeContext, options: { max: number; workflowIds: readonly string[] }, decide: Decide<R>): R[] {
  const { tables, now } = context;
  const claimed: R[] = [];
  let due = options.workflowIds.flatMap((id) => tables.runs.by("queued", id)).filter((row) => row.state.queuedAt! <= now);
  while (due.length > 0 && claimed.length < options.max) {
    const picked = new Set(firstOf(due, options.max - claimed.length, compareQueued));
    for (const row of picked) {
      const answer = claimRun(context, row, decide);
      if (answer) claimed.push(answer.result);
    }
    due = due.filter((row) => !picked.has(row));
  }
  return claimed;
}

/** Decides on one run; null when the rule threw, and the run waits for a process that knows better. */
function claimRun<R>({ tables, now, newId }: TakeContext, { state, input, config }: RunRow, decide: Decide<R>): { result: R } | null {
  const question = { runId: state.id, payloads: { input, config, outputs: {}, groups: {} } };
  try {
    return tables.journal.atomically(() => {
      const changes = askRule(tables, question, decide, now, newId);
      applyChanges(tables, state.id, changes, now, newId);
      return { result: changes.result };
    });
  } catch {
    return null;
  }
}

/** Leases due stages to an instance: RUNNING, one more attempt, `stage:started`. */
export function takeJobs(context: TakeContext, options: { instance: Instance; max: number; workflowIds: readonly string[] }): Job[] {
  const { tables, now } = context;
  const due = liveStages(tables, tables.stages.by("ready", "yes"), options.workflowIds).filter(({ stage }) => stage.state.readyAt! <= now);
  const taken = firstOf(due, options.max, compareReady).map(({ run, stage }) => ({ run, stage: lease(context, stage, options.instance) }));
  const byRun = Map.groupBy(taken, ({ run }) => run.state.id);
  const payloads = new Map<string, RunPayloads>();
  for (const [runId, members] of byRun) {
    payloads.set(runId, payloadsOf(tables, runId)!);
    appendEvents(
      tables,
      runId,
      members.map(({ stage }) => startedEvent(stage.state)),
      now,
    );
    touchRun(tables, runId, now);
  }
  return taken.map(({ run, stage }) => jobOf(run, stage, payloads.get(run.state.id)!, now));
}

/** Holds due polls for `holdMs`, each under a new execution id. */
export function takePolls(context: TakeContext, options: { max: number; holdMs: number; workflowIds: readonly string[] }): Poll[] {
  const { tables, now, newId } = context;
  const due = liveStages(tables, tables.stages.by("polled", "yes"), options.workflowIds).filter(
    ({ stage: { state } }) => state.waitReason === "poll" && state.pollAt! <= now,
  );
  const order = (a: StageOfRun, b: StageOfRun): number =>
    a.stage.state.pollAt! - b.stage.state.pollAt! || compareText(a.stage.id, b.stage.id);
  return firstOf(due, options.max, order).map(({ run, stage }) => {
    const executionId = newId();
    putStage(tables, stage, { executionId, pollAt: now + options.holdMs }, now);
    touchRun(tables, run.state.id, now);
    return pollOf(run, stage, executionId);
  });
}

/** Gives a run a new version, so that nobody writes what it decided on older rows. */
export function touchRun(tables: MemoryTables, runId: string, now: number): void {
  const row = tables.runs.get(runId);
  if (row) tables.runs.set(runId, { ...row, updatedAt: now, state: { ...row.state, version: row.state.version + 1 } });
}

/** Those of these stages whose run is RUNNING and of one of these workflows; null takes every workflow. */
export function liveStages(tables: MemoryTables, stages: StageRow[], workflowIds: readonly string[] | null): StageOfRun[] {
  const known = workflowIds && new Set(workflowIds);
  return stages.flatMap((stage) => {
    const run = tables.runs.get(stage.state.runId);
    return run?.state.status === "RUNNING" && (!known || known.has(run.state.workflowId)) ? [{ stage, run }] : [];
  });
}

/** Orders stages that wait for a worker: priority, then due first. */
export function compareReady(a: StageOfRun, b: StageOfRun): number {
  const [one, other] = [a.stage.state, b.stage.state];
  return (
    b.run.state.priority - a.run.state.priority ||
    one.readyAt! - other.readyAt! ||
    compareText(one.runId, other.runId) ||
    one.number - other.number ||
    one.item - other.item
  );
}

function compareQueued(a: RunRow, b: RunRow): number {
  return b.state.priority - a.state.priority || a.state.queuedAt! - b.state.queuedAt! || compareText(a.state.id, b.state.id);
}

function lease({ tables, now }: TakeContext, row: StageRow, instance: Instance): StageRow {
  const set: Partial<StageState> = {
    status: "RUNNING",
    attempt: row.state.attempt + 1,
    lease: { instanceId: instance.id, workerId: instance.workerId, lockedAt: now },
    readyAt: null,
    waitReason: null,
    startedAt: row.state.startedAt ?? now,
  };
  putStage(tables, row, set, now);
  return tables.stages.get(row.id)!;
}

function startedEvent(state: Readonly<StageState>): DraftEvent {
  return { type: "stage:started", stageId: state.stageId, stageName: state.name, stageNumber: state.number };
}

function jobOf(run: RunRow, { state, payloads: own }: StageRow, payloads: RunPayloads, now: number): Job {
  const { runId, stageId, item, executionId, group, number, attempt, maxAttempts } = state;
  const { workflowId, priority } = run.state;
  const ref = { runId, stageId, item, executionId };
  return { ...ref, workflowId, group, number, priority, attempt, maxAttempts, startedAt: now, payloads, resume: own.resume };
}

function pollOf(run: RunRow, { state, payloads }: StageRow, executionId: string): Poll {
  const { runId, stageId, item, group, number, attempt, maxWaitUntil, pollFailures, startedAt } = state;
  const ref = { runId, stageId, item, executionId };
  const wait = { pollIntervalMs: state.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS, maxWaitUntil, pollFailures };
  const { workflowId } = run.state;
  return { ...ref, workflowId, group, number, attempt, state: payloads.state ?? "null", config: run.config, ...wait, startedAt };
}
