// The one door over SQL. What arrives while a transaction is under way rides the next one together; a batch that the database
// refuses is run again with each item alone, so that only the bad one fails (P20).
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type {
  Decide,
  EventBatch,
  EventReport,
  ExecutionRef,
  Instance,
  Job,
  JsonText,
  Poll,
  RunPayloads,
  RunStore,
  StoreSignal,
  SweepLimits,
  SweepResult,
  Unit,
} from "../ports/store.ts";
import { Coalescer } from "../store/coalescer.ts";
import type { Batch } from "./batch.ts";
import { BatchRunner, type Item } from "./batch-runner.ts";
import { askRuns, askStages, claimRuns, type DueStages, loadPayloads, type TakenJobs, takeJobs, takePolls, waitForDue } from "./claims.ts";
import { again, type Db, type Row, type Session, Unanswered } from "./db.ts";
import { renewEvents, replayDeadDeliveries, settleEvents, takeEvents } from "./events.ts";
import { Lanes } from "./lanes.ts";
import { findNextWakeAt, forget, heartbeat, listLeased, listLost, listQueuedWorkflowIds, listStale } from "./leases.ts";
import { reviveMarks } from "./marks.ts";
import { publishUnread } from "./publish-unread.ts";
import { listLostRuns, requeueLost } from "./repair.ts";
import type { SignalHub } from "./signal-hub.ts";
import { sweep } from "./sweep.ts";
import { listStrandedRuns } from "./tables/runs.ts";
import { loadResume } from "./tables/stages.ts";
import { noTakenRows } from "./taken-rows.ts";

/** Items of a batch at most: it bounds how long a transaction keeps others out. */
const LARGEST_BATCH = 1_000;
/** How long events wait for runs to have no commit under way: each commit waits for the disk, and a run waits for each of its own. Milliseconds. */
const LONGEST_LULL_MS = 10;

/** The native store over a SQL database. */
export class SqlRunStore implements RunStore {
  readonly handsOver = true;
  readonly deletesRuns = true;
  readonly keepsBudgets = true;
  readonly isJoined: boolean;
  readonly #db: Db;
  readonly #coalescer: Coalescer<Item>;
  readonly #lanes: Lanes;
  readonly #hub: SignalHub;
  readonly #runner: BatchRunner;
  readonly #taken = noTakenRows();
  /** Where stages are asked for; null: in a lane of its own. */
  #takeLane: number | null = null;
  #waiting: Promise<void> | null = null;
  #isClosed = false;

  constructor(db: Db, environment: Environment, hub: SignalHub) {
    this.#db = db;
    this.isJoined = db.isJoined ?? false;
    this.#hub = hub;
    this.#runner = new BatchRunner(db, environment);
    this.#lanes = new Lanes(db);
    this.#coalescer = new Coalescer<Item>(this.#lanes.count, LARGEST_BATCH, environment, async (_, items) => {
      const { results, signal } = await this.#runner.run(items);
      if (signal) hub.emit(signal);
      return results;
    });
  }

  transact<R>(unit: Unit<R>): Promise<R> {
    return this.#push<R>({ unit: unit as Unit<unknown> });
  }

  claimRuns<R>(options: { max: number; workflowIds: readonly string[] }, decide: Decide<R>): Promise<R[]> {
    return this.#push<R[]>({
      name: "claimRuns",
      isRead: false,
      ask: (batch) => askRuns(batch, options.workflowIds, options.max),
      run: (batch, isCareful, asked) => claimRuns(batch, options, decide, isCareful, asked as Promise<Row[]> | undefined),
    });
  }

  async takeJobs(options: { instance: Instance; max: number; workflowIds: readonly string[] }): Promise<Job[]> {
    const item: Item = {
      name: "takeJobs",
      isRead: false,
      ask: (batch) => askStages(batch, options.workflowIds, options.max),
      run: (batch, _, asked) => takeJobs(batch, options, asked as Promise<DueStages> | undefined),
    };
    let taken = await this.#push<TakenJobs>(item, this.#takeLane);
    const lane = taken.passedBy === null ? null : this.#lanes.ofRun(taken.passedBy);
    if (taken.jobs.length === 0) {
      // where the ends of its siblings are written nobody of this process keeps it from a stage, and it rides along with them
      const isElsewhere = lane !== null && lane !== this.#takeLane;
      this.#takeLane = lane;
      if (isElsewhere) taken = await this.#push<TakenJobs>(item, lane);
    }
    if (taken.passedBy !== null && !this.#isClosed) this.#waiting ??= this.#waitForDue(options);
    return taken.jobs;
  }

  takePolls(options: { max: number; holdMs: number; workflowIds: readonly string[] }): Promise<Poll[]> {
    return this.#write("takePolls", (batch) => takePolls(batch, options));
  }

  loadPayloads(runId: string): Promise<RunPayloads | null> {
    return this.#read(
      "loadPayloads",
      async ({ session }) => (await loadPayloads(session, [[runId, Number.MAX_SAFE_INTEGER]])).get(runId) ?? null,
    );
  }

  loadResume({ runId, stageId, item }: { runId: string; stageId: string; item: number }): Promise<JsonText | null> {
    return this.#read("loadResume", async ({ session }) => {
      const [row] = await session.read(loadResume, [[runId, stageId, item]]);
      return (row?.[0] as string | null | undefined) ?? null;
    });
  }

  listQueuedWorkflowIds(): Promise<string[]> {
    return this.#read("listQueuedWorkflowIds", ({ session }) => listQueuedWorkflowIds(session));
  }

  heartbeat(instance: Instance): Promise<void> {
    return this.#write("heartbeat", async ({ session, now }) => heartbeat(session, instance, (await session.readClock?.()) ?? now));
  }

  forget(instance: Instance): Promise<void> {
    return this.#write("forget", ({ session }) => forget(session, instance));
  }

  listStale(thresholdMs: number, max: number): Promise<ExecutionRef[]> {
    return this.#write("listStale", async ({ session, now }) => {
      return listStale(session, thresholdMs, max, (await session.readClock?.()) ?? now);
    });
  }

  listLost(held: readonly ExecutionRef[]): Promise<ExecutionRef[]> {
    return this.#read("listLost", ({ session }) => listLost(session, held));
  }

  listLeased(instance: Instance): Promise<ExecutionRef[]> {
    return this.#read("listLeased", ({ session }) => listLeased(session, instance));
  }

  async listStranded(before: number, max: number): Promise<string[]> {
    const lost = await this.#read("listStranded", ({ session }) => listLostRuns(session, before, max));
    if (lost.length > 0) await this.#write("listStranded", (batch) => requeueLost(batch, lost, before));
    return this.#read("listStranded", async ({ session }) => {
      return (await session.read(listStrandedRuns, [[before, max]])).map(([id]) => id as string);
    });
  }

  nextWakeAt(): Promise<number | null> {
    return this.#read("nextWakeAt", ({ session, now }) => findNextWakeAt(session, now));
  }

  async publishUnread(): Promise<number | null> {
    await this.#lull();
    return this.#write("publishUnread", publishUnread);
  }

  renewEvents(token: string, leaseMs: number): Promise<boolean> {
    return this.#write("renewEvents", (batch) => renewEvents(batch, token, leaseMs));
  }

  async takeEvents(options: { max: number; leaseMs: number }): Promise<EventBatch | null> {
    await this.#lull();
    return this.#write("takeEvents", (batch) => takeEvents(batch, options, this.#taken));
  }

  settleEvents(report: EventReport): Promise<boolean> {
    return this.#write("settleEvents", (batch) => settleEvents(batch, report, this.#taken));
  }

  replayDeadLetters(max: number): Promise<number> {
    return this.#write("replayDeadLetters", async ({ session, now, signal }) => {
      const replayed = await replayDeadLetters(session, max, now);
      if (replayed > 0) signal.hasEvents = true;
      return replayed;
    });
  }

  sweep(limits: SweepLimits): Promise<SweepResult> {
    return this.#write("sweep", (batch) => {
      batch.forget();
      return sweep(batch.session, limits);
    });
  }

  onSignal(listener: (signal: StoreSignal) => void): () => void {
    return this.#hub.add(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#hub.close();
    await this.#coalescer.drained();
    await this.#waiting;
    await this.#db.close();
  }

  /** Tells this process of stages that others kept it from taking, once it can. In a transaction of its own, which waits with empty hands. */
  async #waitForDue(options: { max: number; workflowIds: readonly string[] }): Promise<void> {
    let isDue: unknown = false;
    try {
      const wait = { name: "takeJobs", isRead: false, run: (batch: Batch) => waitForDue(batch, options) };
      isDue = (await this.#runner.run([wait])).results[0];
    } catch {
      // out of reach: whoever takes next is told
    }
    this.#waiting = null;
    if (isDue === true) this.#hub.emit({ hasWork: true, hasEvents: false, mayHaveLost: false, wakeAt: null, ended: [] });
  }

  /** Waits for a moment in which no run waits for its commit, but not for long; nothing where one commit is like the other. */
  #lull(): Promise<void> {
    return this.#coalescer.lull(this.#lanes.urgent, LONGEST_LULL_MS);
  }

  #write<R>(name: string, run: (batch: Batch, isCareful: boolean) => Promise<R>): Promise<R> {
    return this.#push<R>({ name, isRead: false, run });
  }

  #read<R>(name: string, run: (batch: Batch) => Promise<R>): Promise<R> {
    return this.#push<R>({ name, isRead: true, run });
  }

  #push<R>(item: Item, lane: number | null = null): Promise<R> {
    if (this.#isClosed) return Promise.reject(new WorkflowEngineError("STORE_CLOSED", "The store is closed. Create a new one."));
    const at = lane ?? this.#lanes.of(item);
    return mayBeTwice(item) ? again(() => this.#coalescer.push<R>(at, item), Unanswered) : this.#coalescer.push<R>(at, item);
  }
}

/** True for what has its first answer when it is done again, or changes nothing then but who has what; a rule without a key may add. */
function mayBeTwice(item: Item): boolean {
  if (!("unit" in item)) return true;
  const { key } = item.unit;
  return key?.mode === "once" || key?.mode === "settle";
}

async function replayDeadLetters(session: Session, max: number, now: number): Promise<number> {
  const deliveries = await replayDeadDeliveries(session, max, now);
  return deliveries + (await reviveMarks(session, max - deliveries, now));
}
