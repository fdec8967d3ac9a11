// Picks waiting work, most urgent first: runs to claim, stages to lease, polls that are due (P3, P10, P13).
import type { Decide, Instance, Job, Poll, RunPayloads, StageState } from "../ports/store.ts";
import { Failure } from "../store/coalescer.ts";
import type { Batch, Decided } from "./batch.ts";
import type { Row, Session } from "./db.ts";
import { RunDraft } from "./draft.ts";
import { encodeEvent } from "./outbox-events.ts";
import { ensureInstances } from "./tables/instances.ts";
import { insertOutbox } from "./tables/outbox.ts";
import { holdPolls, leaseStages, listDueRuns, pickPolls, pickStages } from "./tables/queue.ts";
import { touchRuns } from "./tables/run-writes.ts";
import { loadRunPayloads, lockRuns, pickRuns, readRunState, runStateWidth } from "./tables/runs.ts";
import { loadOutputs, readStageState, stageStateWidth } from "./tables/stages.ts";

const DEFAULT_POLL_INTERVAL_MS = 30_000;

/** Asks for due PENDING runs, before the transaction where that is possible. */
export function askRuns({ session, now }: Batch, workflowIds: readonly string[], max: number): Promise<Row[]> {
  const parameters = [[now, JSON.stringify(workflowIds), max]];
  return session.look?.(pickRuns, parameters) ?? session.read(pickRuns, parameters);
}

/** Decides on due PENDING runs, of which some have been asked for. A run whose rule throws stays as it is and stops nobody: the next one in line takes its place. */
export async function claimRuns<R>(
  batch: Batch,
  options: { max: number; workflowIds: readonly string[] },
  decide: Decide<R>,
  isCareful: boolean,
  asked?: Promise<Row[]>,
): Promise<R[]> {
  const claimed: R[] = [];
  const seen = new Set<string>();
  const { session, now } = batch;
  const ask = (max: number): Promise<Row[]> => session.read(pickRuns, [[now, JSON.stringify(options.workflowIds), max]]);
  let isSeenBefore = asked !== undefined && session.look !== undefined;
  let answer = asked ?? ask(options.max);
  for (let refused = 1; refused > 0 && claimed.length < options.max; ) {
    const rows = await answer;
    const fresh = rows.filter((row) => !seen.has(row[0] as string));
    refused = 0;
    for (const row of fresh) {
      seen.add(row[0] as string);
      const decided = claimOne(batch, row, decide, isCareful, isSeenBefore);
      const result = decided instanceof Promise ? await decided : decided;
      if (result instanceof Failure) refused += 1;
      else claimed.push(result);
    }
    isSeenBefore = false;
    // what was claimed leaves the queue before it is read again
    if (refused === 0) break;
    await batch.flush();
    answer = ask(options.max - claimed.length + seen.size);
  }
  return claimed;
}

/** Decides on one run, in a part of the transaction of its own where what it writes may be refused. */
function claimOne<R>(
  batch: Batch,
  row: Row,
  decide: Decide<R>,
  isCareful: boolean,
  isSeenBefore: boolean,
): Decided<R> | Promise<Decided<R>> {
  const draft = new RunDraft(row[0] as string, readRunState(row), row[runStateWidth] as number);
  const payloads = { input: row[runStateWidth + 1] as string, config: row[runStateWidth + 2] as string, outputs: {}, groups: {} };
  const leave = (decided: Decided<R>): Decided<R> => {
    if (decided instanceof Failure) batch.adopt(new RunDraft(draft.runId, null));
    return decided;
  };
  draft.isUnchecked = isSeenBefore;
  batch.adopt(draft);
  if (isCareful) return apart(batch, () => batch.decideOn(draft, payloads, decide)).then(leave);
  const decided = batch.decideOn(draft, payloads, decide);
  return decided instanceof Promise ? decided.then(leave) : leave(decided);
}

/** Decides and writes so that all of it can be undone alone. */
async function apart<R>(batch: Batch, decide: () => Decided<R> | Promise<Decided<R>>): Promise<Decided<R>> {
  try {
    return await batch.session.attempt(async () => {
      const decided = await decide();
      await batch.flush();
      return decided;
    });
  } catch (error) {
    return new Failure(error);
  }
}

/** Due stages, and the runs of all that are due, with those that somebody else has. */
export interface DueStages {
  readonly picked: Row[];
  readonly due: readonly string[];
}

/** Leased stages, and the run of one that is due and that somebody has; null when there is none. */
export interface TakenJobs {
  readonly jobs: Job[];
  readonly passedBy: string | null;
}

/** Asks for due stages; where that is possible before the transaction, which is spared when there are none. */
export async function askStages({ session, now }: Batch, workflowIds: readonly string[], max: number): Promise<DueStages> {
  const parameters = [[now, JSON.stringify(workflowIds), max]];
  if (session.look && (await session.look(pickStages, parameters)).length === 0) return { picked: [], due: [] };
  if (!session.dialect.locksRows) return { picked: await session.read(pickStages, parameters), due: [] };
  const [picked, due] = await Promise.all([session.read(pickStages, parameters), session.read(listDueRuns, parameters)]);
  return { picked, due: due.map(([runId]) => runId as string) };
}

/** Leases due stages to an instance: RUNNING, one more attempt, `stage:started`. Passes by what others have. */
export async function takeJobs(
  batch: Batch,
  { instance, max, workflowIds }: { instance: Instance; max: number; workflowIds: readonly string[] },
  asked: Promise<DueStages> = askStages(batch, workflowIds, max),
): Promise<TakenJobs> {
  const { session, now, signal } = batch;
  const { picked: rows, due } = await asked;
  const passedBy = rows.length < Math.min(due.length, max) ? (due.find((id) => rows.every(([runId]) => runId !== id)) ?? due[0]!) : null;
  if (rows.length === 0) return { jobs: [], passedBy };
  const stages = rows.map(readStageState);
  await session.send(
    leaseStages,
    stages.map(({ runId, stageId, item }) => [runId, stageId, item, instance.id, instance.workerId, now]),
  );
  const byRun = Map.groupBy(stages, (stage) => stage.runId);
  batch.forget([...byRun.keys()]);
  const eventCounts = new Map(rows.map((row) => [row[0] as string, row[stageStateWidth + 3] as number]));
  await session.send(
    touchRuns,
    [...byRun].map(([id, members]) => [id, members.length, now]),
  );
  await session.send(ensureInstances, [[instance.id, instance.workerId, now]]);
  await session.send(
    insertOutbox,
    [...byRun].map(([runId, members]) => startedRow(runId, members, eventCounts.get(runId)!, now)),
  );
  signal.hasEvents = true;
  // siblings read nothing of each other: of a wide group that would be most of what has run
  const payloads = await loadPayloads(
    session,
    [...byRun].map(([runId, members]) => [runId, Math.max(...members.map(({ group }) => group))]),
  );
  return { jobs: rows.map((row, i) => jobOf(row, stages[i]!, payloads.get(stages[i]!.runId)!, now)), passedBy };
}

/** Parameters of `insertOutbox` for stages of a run that start. */
function startedRow(runId: string, stages: readonly StageState[], eventCount: number, now: number): Row {
  return [runId, now, `[${stages.map((stage) => encodeEvent(startedEvent(stage))).join(",")}]`, stages.length, eventCount + 1];
}

/**
 * Waits until whoever has a run with due stages lets it go; false when no stage is due. `takeJobs` passes by what others have, siblings
 * of a stage that ends among it. To be called in a transaction that has locked nothing.
 */
export async function waitForDue(batch: Batch, { max, workflowIds }: { max: number; workflowIds: readonly string[] }): Promise<boolean> {
  const due = await batch.session.read(listDueRuns, [[batch.now, JSON.stringify(workflowIds), max]]);
  const ids = [...new Set(due.map(([id]) => id as string))].sort();
  await batch.session.read(
    lockRuns,
    ids.map((id) => [id]),
  );
  return ids.length > 0;
}

/** Holds due polls for `holdMs`, each under a new execution id. */
export async function takePolls(
  batch: Batch,
  { max, holdMs, workflowIds }: { max: number; holdMs: number; workflowIds: readonly string[] },
): Promise<Poll[]> {
  const { session, now, signal, newId } = batch;
  const rows = await session.read(pickPolls, [[now, JSON.stringify(workflowIds), max]]);
  if (rows.length === 0) return [];
  const polls = rows.map((row) => pollOf(row, readStageState(row), newId()));
  const runIds = [...new Set(polls.map((poll) => poll.runId))];
  batch.forget(runIds);
  await session.write(
    holdPolls,
    polls.map(({ runId, stageId, item, executionId }) => [runId, stageId, item, executionId, now + holdMs, now]),
  );
  await session.write(
    touchRuns,
    runIds.map((id) => [id, 0, now]),
  );
  signal.sawWait(now + holdMs);
  return polls;
}

/** What every stage of these runs up to a group reads, one object a run. */
export async function loadPayloads(
  session: Session,
  upTo: ReadonlyArray<readonly [runId: string, group: number]>,
): Promise<Map<string, RunPayloads>> {
  const ids = upTo.map(([runId]) => [runId]);
  const payloads = new Map<string, RunPayloads>();
  const [runs, outputs] = await Promise.all([session.read(loadRunPayloads, ids), session.read(loadOutputs, upTo)]);
  for (const [id, input, config] of runs) {
    payloads.set(id as string, { input: input as string, config: config as string, outputs: {}, groups: {} });
  }
  for (const [runId, stageId, group, output] of outputs) {
    const found = payloads.get(runId as string);
    if (!found) continue;
    found.outputs[stageId as string] = (output as string | null) ?? "null";
    found.groups[stageId as string] = group as number;
  }
  return payloads;
}

function startedEvent(state: StageState): { type: "stage:started"; stageId: string; stageName: string; stageNumber: number } {
  return { type: "stage:started", stageId: state.stageId, stageName: state.name, stageNumber: state.number };
}

function jobOf(row: Row, stage: StageState, payloads: RunPayloads, now: number): Job {
  const { runId, stageId, item, executionId, group, number, attempt, maxAttempts } = stage;
  return {
    runId,
    stageId,
    item,
    executionId,
    workflowId: row[stageStateWidth] as string,
    group,
    number,
    priority: row[stageStateWidth + 1] as number,
    attempt: attempt + 1,
    maxAttempts,
    startedAt: now,
    payloads,
    resume: row[stageStateWidth + 2] as string | null,
  };
}

function pollOf(row: Row, stage: StageState, executionId: string): Poll {
  const { runId, stageId, item, group, number, attempt, maxWaitUntil, pollFailures, startedAt } = stage;
  return {
    runId,
    stageId,
    item,
    executionId,
    workflowId: row[stageStateWidth] as string,
    group,
    number,
    attempt,
    config: row[stageStateWidth + 1] as string,
    state: (row[stageStateWidth + 2] as string | null) ?? "null",
    pollIntervalMs: stage.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS,
    maxWaitUntil,
    pollFailures,
    startedAt,
  };
}
