// What went through the door, and whether it could have gone one by one (P4, P20). A run's version counts its changes: put in the order of
// the versions that their decisions saw, the commits are a serial history. Replayed by these few lines, which know no database, it must show
// every decision exactly what it saw, and end in exactly the rows that the store has.
import { isDeepStrictEqual } from "node:util";
import { isEnded } from "../../ports/status.ts";
import type { Changes, Decide, Job, Poll, RunState, RunStore, Snapshot, StageState, Unit } from "../../ports/store.ts";

/** A run as rules see it. */
export interface RunRows {
  readonly run: RunState | null;
  readonly stages: ReadonlyMap<string, StageState>;
}

/** One commit of one run. */
interface Commit {
  readonly runId: string;
  /** What its decision saw; null of a take, which decides by itself. */
  readonly seen: Snapshot | null;
  readonly stageId: string | undefined;
  readonly isChange: boolean;
  readonly events: readonly string[];
  apply(rows: RunRows): RunRows;
}

/** The rows of a run that is not there. */
export const noRows: RunRows = { run: null, stages: new Map() };

/** The rows of a run as a store has them. */
export async function readRows(store: RunStore, runId: string): Promise<RunRows> {
  return store.transact<RunRows>({
    runId,
    decide: ({ run, stages }) => {
      if (run && !stages) return { result: noRows, need: "stages" };
      return { result: { run, stages: new Map(stages?.map((stage) => [stage.stageId, stage])) } };
    },
  });
}

/** An event as histories are compared: its type and its stage. */
export function eventLabel(event: { type: string; stageId?: unknown }): string {
  return event.stageId === undefined ? event.type : `${event.type} ${String(event.stageId)}`;
}

/** Keeps every commit that goes through the stores it watches. */
export class DoorHistory {
  readonly #commits: Commit[] = [];

  /** The same store; what it commits is kept. */
  watch(store: RunStore): RunStore {
    const watched: Partial<RunStore> = {
      transact: (unit) => this.#transact(store, unit),
      claimRuns: (options, decide) => this.#claim(store, options, decide),
      takePolls: async (options) => this.#keepPolls(await store.takePolls(options)),
      takeJobs: async (options) => this.#keepJobs(await store.takeJobs(options), options.instance),
    };
    return new Proxy(store, {
      get: (target, name) => {
        const own = Reflect.get(watched, name);
        if (own) return own;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  get length(): number {
    return this.#commits.length;
  }

  /** The events of the commits from the n-th on, of all runs, in the order in which they were heard of. */
  eventsFrom(n: number): string[] {
    return this.#commits.slice(n).flatMap(({ events }) => events);
  }

  forget(): void {
    this.#commits.length = 0;
  }

  /** Replays the commits of a run from its rows before; throws where no serial order explains them. Answers the events in order. */
  replay(runId: string, before: RunRows, after: RunRows): string[] {
    const commits = this.#commits.filter((commit) => commit.runId === runId);
    const changes = new Set(commits.filter(({ isChange }) => isChange));
    const others = new Set(commits.filter(({ isChange }) => !isChange));
    const events: string[] = [];
    let rows = before;
    for (;;) {
      for (const other of others) {
        if (!sawVersion(other, rows)) continue;
        assertSeen(other, rows);
        others.delete(other);
        events.push(...other.events);
      }
      const [next, rival] = nextOf(changes, rows);
      if (!next) break;
      if (rival) throw new Error(`two commits changed run ${runId} at version ${rows.run?.version}: one of them is lost`);
      assertSeen(next, rows);
      changes.delete(next);
      rows = next.apply(rows);
      events.push(...next.events);
    }
    const [left] = [...changes, ...others];
    if (left) throw new Error(`a commit of run ${runId} saw version ${left.seen?.run?.version}, which no other commit made`);
    assertSame(`run ${runId} in the end`, rows, after);
    return events;
  }

  async #transact<R>(store: RunStore, unit: Unit<R>): Promise<R> {
    // a decision may be asked for again, and a rival's key may answer in its place: what was said last counts
    const said: { last: Commit | null } = { last: null };
    const replay = (stored: unknown): R => {
      said.last = null;
      return unit.key!.replay(stored);
    };
    const result = await store.transact<R>({
      ...unit,
      ...(unit.key && { key: { ...unit.key, replay } }),
      decide: (seen, now) => {
        const changes = unit.decide(seen, now);
        said.last = changes.need ? null : commitOf(unit.runId, unit.stage?.stageId, structuredClone(seen), changes, now);
        return changes;
      },
    });
    if (said.last) this.#commits.push(said.last);
    return result;
  }

  async #claim<R>(store: RunStore, options: Parameters<RunStore["claimRuns"]>[0], decide: Decide<R>): Promise<R[]> {
    const decided = new Map<R, Commit>();
    const results = await store.claimRuns<R>(options, (seen, now) => {
      const changes = decide(seen, now);
      if (seen.run && !changes.need) decided.set(changes.result, commitOf(seen.run.id, undefined, structuredClone(seen), changes, now));
      return changes;
    });
    for (const result of results) this.#commits.push(decided.get(result)!);
    return results;
  }

  #keepPolls(polls: Poll[]): Poll[] {
    for (const [runId, own] of Map.groupBy(polls, (poll) => poll.runId)) {
      const ids = new Map(own.map(({ stageId, executionId }) => [stageId, { executionId, pollAt: Number.NaN }]));
      this.#commits.push(takeOf(runId, ids, [], ({ status }) => status === "SUSPENDED"));
    }
    return polls;
  }

  #keepJobs(jobs: Job[], instance: Parameters<RunStore["takeJobs"]>[0]["instance"]): Job[] {
    for (const [runId, own] of Map.groupBy(jobs, (job) => job.runId)) {
      const sets = own.map(({ stageId, executionId, attempt, startedAt }): [string, Partial<StageState>] => {
        const lease = { instanceId: instance.id, workerId: instance.workerId, lockedAt: startedAt };
        return [stageId, { status: "RUNNING", executionId, attempt, startedAt, lease, readyAt: null, waitReason: null }];
      });
      const events = own.map(({ stageId }) => `stage:started ${stageId}`);
      this.#commits.push(takeOf(runId, new Map(sets), events, ({ readyAt }) => readyAt !== null));
    }
    return jobs;
  }
}

function commitOf<R>(runId: string, stageId: string | undefined, seen: Snapshot, changes: Changes<R>, now: number): Commit {
  const { create, run, endOpen, dropFrom, deleteRun } = changes;
  const hasStages = endOpen !== undefined || dropFrom !== undefined || Boolean(changes.stages?.length || changes.open?.length);
  const isChange = create !== undefined || run !== undefined || deleteRun === true || hasStages;
  const events = (changes.events ?? []).map(eventLabel);
  return { runId, stageId, seen, isChange, events, apply: (rows) => applied(rows, runId, structuredClone(changes), now) };
}

function takeOf(
  runId: string,
  sets: ReadonlyMap<string, Partial<StageState>>,
  events: string[],
  fits: (stage: StageState) => boolean,
): Commit {
  return {
    ...{ runId, seen: null, stageId: undefined, isChange: true, events },
    apply: ({ run, stages }) => {
      if (!run) throw new Error(`stages were taken of run ${runId}, which is not there`);
      const after = new Map(stages);
      for (const [stageId, set] of sets) {
        const stage = stages.get(stageId);
        if (!stage || !fits(stage)) throw new Error(`${stageId} was taken and is ${stage?.status ?? "not there"}`);
        after.set(stageId, { ...stage, ...set });
      }
      return { run: { ...run, version: run.version + 1 }, stages: after };
    },
  };
}

function applied({ run: before, stages }: RunRows, id: string, changes: Changes<unknown>, now: number): RunRows {
  if (changes.deleteRun) return noRows;
  const after = new Map(stages);
  for (const [stageId, stage] of stages) {
    if (changes.endOpen && !isEnded(stage.status)) {
      const ended = { status: changes.endOpen, completedAt: now, lease: null, waitReason: null, readyAt: null, pollAt: null };
      after.set(stageId, { ...stage, ...ended });
    }
    if (changes.dropFrom !== undefined && stage.group >= changes.dropFrom) after.delete(stageId);
  }
  for (const { stageId, set } of changes.stages ?? []) after.set(stageId, { ...after.get(stageId)!, ...set });
  for (const stage of changes.open ?? []) after.set(stage.stageId, { ...stage, runId: id });
  const { output: _, ...set } = changes.run ?? {};
  if (changes.create) return { run: { ...createdRun(id, changes.create, now), ...set }, stages: after };
  return { run: { ...before!, ...set, version: before!.version + 1 }, stages: after };
}

function createdRun(id: string, { workflowId, priority, startAt }: NonNullable<Changes<unknown>["create"]>, now: number): RunState {
  const counts = { group: 0, open: 0, suspended: 0, version: 1 };
  const times = { createdAt: now, startedAt: null, completedAt: null, queuedAt: startAt ?? now, transitionAt: null };
  return { id, workflowId, status: "PENDING", priority, ...counts, ...times, error: null };
}

function sawVersion({ seen }: Commit, { run }: RunRows): boolean {
  return seen !== null && seen.run?.version === run?.version;
}

/** The changes made on these rows: one. A take says of no version, so it stands where nothing else does. */
function nextOf(changes: ReadonlySet<Commit>, rows: RunRows): Commit[] {
  const onThese = [...changes].filter((commit) => sawVersion(commit, rows));
  return onThese.length > 0 ? onThese : [...changes].filter(({ seen }) => seen === null).slice(0, 1);
}

function assertSeen({ seen, stageId, runId }: Commit, rows: RunRows): void {
  if (!seen) return;
  assertSame(`run ${runId} as a decision saw it`, { run: seen.run, stages: new Map() }, { run: rows.run, stages: new Map() });
  const stages = new Map(seen.stages?.map((stage) => [stage.stageId, stage]));
  if (seen.stages)
    assertSame(`the stages of run ${runId} as a decision saw them`, { run: null, stages: rows.stages }, { run: null, stages });
  if (stageId === undefined) return;
  const [expected, found] = [rows.stages.get(stageId) ?? null, seen.stage];
  assertSame(
    `stage ${stageId} of run ${runId} as a decision saw it`,
    { run: null, stages: new Map(expected && [[stageId, expected]]) },
    { run: null, stages: new Map(found && [[stageId, found]]) },
  );
}

function assertSame(what: string, expected: RunRows, found: RunRows): void {
  const ids = new Set([...expected.stages.keys(), ...found.stages.keys()]);
  const isSame = [...ids].every((id) => isSameStage(expected.stages.get(id), found.stages.get(id)));
  if (isSame && isDeepStrictEqual(expected.run, found.run)) return;
  const text = (rows: RunRows): string => JSON.stringify([rows.run, ...rows.stages.values()], null, 1);
  throw new Error(`${what}: the history makes\n${text(expected)}\nand there is\n${text(found)}`);
}

/** Until when a poll is held is the store's own reckoning. */
function isSameStage(expected: StageState | undefined, found: StageState | undefined): boolean {
  if (!expected || !found) return false;
  return isDeepStrictEqual(Number.isNaN(expected.pollAt) ? { ...expected, pollAt: found.pollAt } : expected, found);
}
