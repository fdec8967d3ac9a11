// Picks waiting work, most urgent first: runs to claim, stages to lease, polls that are due (P3, P10, P13).
import type { Decide, Instance, Job, Poll, RunPayloads, StageState } from "../ports/store.ts";
import { type Batch, ownErrorOf } from "./batch.ts";
import type { Row, Session } from "./db.ts";
import { RunDraft } from "./draft.ts";
import { encodeEvent } from "./outbox-events.ts";
import { ensureInstances } from "./tables/instances.ts";
import { insertOutbox } from "./tables/outbox.ts";
import { holdPolls, leaseStages, listDueRuns, pickPolls, pickStages } from "./tables/queue.ts";
import { loadRunPayloads, lockRuns, pickRuns, readRunState, runStateWidth, touchRuns } from "./tables/runs.ts";
import { loadOutputs, readStageState, stageStateWidth } from "./tables/stages.ts";

const DEFAULT_POLL_INTERVAL_MS = 30_000;

/** Decides on due PENDING runs. A run whose rule throws stays as it is and stops nobody: the next one in line takes its place. */
export async function claimRuns<R>(
  batch: Batch,
  options: { max: number; workflowIds: readonly string[] },
  decide: Decide<R>,
  isCareful: boolean,
): Promise<R[]> {
  const claimed: R[] = [];
  const seen = new Set<string>();
  for (let refused = 1; refused > 0 && claimed.length < options.max; ) {
    const limit = options.max - claimed.length + seen.size;
    const rows = await batch.session.read(pickRuns, [[batch.now, JSON.stringify(options.workflowIds), limit]]);
    const fresh = rows.filter((row) => !seen.has(row[0] as string));
    refused = 0;
    for (const row of fresh) {
      seen.add(row[0] as string);
      const done = await claimOne(batch, row, decide, isCareful);
      if (done) claimed.push(done.result);
      else refused += 1;
    }
    // what was claimed leaves the queue before it is read again
    if (refused > 0) await batch.flush();
  }
  return claimed;
}

async function claimOne<R>(batch: Batch, row: Row, decide: Decide<R>, isCareful: boolean): Promise<{ result: R } | null> {
  const [eventCount, input, config] = row.slice(runStateWidth) as [number, string, string];
  const payloads: RunPayloads = { input, config, outputs: {}, groups: {} };
  const draft = batch.adopt(new RunDraft(row[0] as string, readRunState(row), eventCount));
  const claim = async (): Promise<R> => batch.decide(draft, decide, { payloads });
  try {
    if (!isCareful) return { result: await claim() };
    const result = await batch.session.attempt(async () => {
      const answer = await claim();
      await batch.flush();
      return answer;
    });
    return { result };
  } catch (error) {
    if (!isCareful && !ownErrorOf(error)) throw error;
    batch.adopt(new RunDraft(draft.runId, null));
    return null;
  }
}

/** Leases due stages to an instance: RUNNING, one more attempt, `stage:started`. */
export async function takeJobs(
  batch: Batch,
  { instance, max, workflowIds }: { instance: Instance; max: number; workflowIds: readonly string[] },
): Promise<Job[]> {
  const { session, now, signal } = batch;
  const rows = await session.read(pickStages, [[now, JSON.stringify(workflowIds), max]]);
  if (rows.length === 0) return [];
  const stages = rows.map(readStageState);
  await session.write(
    leaseStages,
    stages.map(({ runId, stageId, item }) => [runId, stageId, item, instance.id, instance.workerId, now]),
  );
  const byRun = Map.groupBy(stages, (stage) => stage.runId);
  batch.forget([...byRun.keys()]);
  const eventCounts = new Map(rows.map((row) => [row[0] as string, row[stageStateWidth + 3] as number]));
  await session.write(
    touchRuns,
    [...byRun].map(([id, members]) => [id, members.length, now]),
  );
  await session.write(ensureInstances, [[instance.id, instance.workerId, now]]);
  await session.write(
    insertOutbox,
    [...byRun].map(([runId, members]) => {
      return [
        runId,
        now,
        null,
        `[${members.map((member) => encodeEvent(startedEvent(member))).join(",")}]`,
        members.length,
        eventCounts.get(runId)! + 1,
      ];
    }),
  );
  signal.hasEvents = true;
  const payloads = await loadPayloads(session, [...byRun.keys()]);
  return rows.map((row, i) => jobOf(row, stages[i]!, payloads.get(stages[i]!.runId)!, now));
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

/** What every stage of these runs reads, one object a run. */
export async function loadPayloads(session: Session, runIds: readonly string[]): Promise<Map<string, RunPayloads>> {
  const params = runIds.map((id) => [id]);
  const payloads = new Map<string, RunPayloads>();
  for (const [id, input, config] of await session.read(loadRunPayloads, params)) {
    payloads.set(id as string, { input: input as string, config: config as string, outputs: {}, groups: {} });
  }
  for (const [runId, stageId, group, output] of await session.read(loadOutputs, params)) {
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
