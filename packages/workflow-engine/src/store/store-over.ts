// The one door from any CRUD adapter (settled question 9): one unit is one `withTransaction`, jobs travel by a foreign queue, what the
// records have no field for is under "$engine" in them. Not kept: attempt history, progress of single consumers, the time of log lines.
// `updateRun` must write the row, and so lock it, also when nothing but `expectedVersion` is given.
import { WorkflowEngineError } from "../errors.ts";
import type { Environment } from "../ports/environment.ts";
import type { DequeueResult } from "../ports/job.ts";
import type { Persistence } from "../ports/persistence.ts";
import { isEnded } from "../ports/status.ts";
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
  StageState,
  StoreSignal,
  SweepLimits,
  SweepResult,
  Unit,
} from "../ports/store.ts";
import { jobsOf, type StageStep, type Written } from "./crud-changes.ts";
import { CrudEvents } from "./crud-events.ts";
import { HeldExecutions, renewLeases } from "./crud-held.ts";
import { JobRelay, type TransactionalTransport } from "./crud-relay.ts";
import { lostOf, nextDueAt, repairJobs, scanLeases, scanRunning, strandedOf, sweepRuns } from "./crud-scan.ts";
import { signalOf } from "./crud-signal.ts";
import { payloadsOf, toText } from "./crud-state.ts";
import { dequeue, dueRuns, holdPoll, jobsOfStarts, pollOf, startJobs } from "./crud-take.ts";
import { keepsBudgets, RunTotals } from "./crud-totals.ts";
import { CrudUnits, type UnitEnd, type UnitOptions } from "./crud-units.ts";
import { jobIdOf } from "./record-ids.ts";
import type { StoreOverOptions } from "./store-over-options.ts";

const defaultRepairAfterMs = 60_000;
const withRetries: UnitOptions = { retries: 40 };
const onlyOnce: UnitOptions = { retries: 0, hasPayloads: true };

/** Derives the engine's store from an adapter of the CRUD port and a job queue. */
export function storeOver(options: StoreOverOptions): RunStore {
  return new CrudRunStore(options);
}

class CrudRunStore implements RunStore {
  readonly handsOver = false;
  readonly leasesOutbox: boolean;
  readonly deletesRuns: boolean;
  readonly keepsBudgets: boolean;
  readonly #persistence: Persistence;
  readonly #transport: TransactionalTransport;
  readonly #environment: Environment;
  readonly #repairAfterMs: number;
  readonly #totals: RunTotals;
  readonly #units: CrudUnits;
  readonly #relay: JobRelay;
  readonly #events: CrudEvents;
  readonly #held: HeldExecutions;
  readonly #listeners = new Set<(signal: StoreSignal) => void>();
  /** When queued stages of this process's commits become due, by execution; a restart leaves them to the safety-net tick. */
  readonly #waits = new Map<string, number>();
  #isClosed = false;

  constructor({ persistence, jobTransport, environment, aiCallLogger, repairAfterMs = defaultRepairAfterMs }: StoreOverOptions) {
    this.deletesRuns = persistence.deleteRun !== undefined;
    this.#persistence = persistence;
    this.#transport = jobTransport;
    this.#environment = environment;
    this.#repairAfterMs = repairAfterMs;
    this.keepsBudgets = keepsBudgets(persistence, aiCallLogger);
    this.#totals = new RunTotals(persistence, aiCallLogger);
    this.#relay = new JobRelay(persistence, jobTransport, environment);
    this.#events = new CrudEvents(persistence, this.#relay, environment);
    this.leasesOutbox = this.#events.isLeased;
    this.#held = new HeldExecutions(jobTransport);
    this.#units = new CrudUnits(persistence, environment, (tx, written) => this.#relay.append(tx, jobsOf(written, jobIdOf)));
  }

  async transact<R>(unit: Unit<R>): Promise<R> {
    return (await this.#run(unit, withRetries)).result;
  }

  async claimRuns<R>(options: { max: number; workflowIds: readonly string[] }, decide: Decide<R>): Promise<R[]> {
    const due = dueRuns(await this.#persistence.getRunsByStatus("PENDING"), options.workflowIds, this.#environment.now());
    const claimed: R[] = [];
    for (const { id } of due) {
      if (claimed.length >= options.max) break;
      // a rival was faster, or the run is bad: the others go on
      const end = await this.#run({ runId: id, decide }, onlyOnce).catch(() => null);
      if (end?.written) claimed.push(end.result);
    }
    return claimed;
  }

  async takeJobs(options: { instance: Instance; max: number; workflowIds: readonly string[] }): Promise<Job[]> {
    const taken: Job[] = [];
    if (options.max > 0) await this.#relay.relayPending();
    // jobs whose stage has moved on are dropped, and those behind them asked for
    for (let room = options.max; room > 0; room = options.max - taken.length) {
      const dequeued = await dequeue(this.#transport, room);
      const byRun = [...Map.groupBy(dequeued, (job) => job.workflowRunId)];
      // jobs of a run that cannot be reached now come again when their lease in the queue is over
      const ends = await Promise.allSettled(byRun.map(([runId, jobs]) => this.#start(runId, jobs, options)));
      taken.push(...ends.flatMap((end) => (end.status === "fulfilled" ? end.value : [])));
      if (dequeued.length < room || ends.some((end) => end.status === "rejected")) break;
    }
    return taken;
  }

  async takePolls({ max, holdMs, workflowIds }: { max: number; holdMs: number; workflowIds: readonly string[] }): Promise<Poll[]> {
    const polls: Poll[] = [];
    for (const { workflowRunId: runId, stageId } of await this.#persistence.getSuspendedStages(new Date(this.#environment.now()))) {
      if (polls.length >= max) break;
      const unit: Unit<StageState | null> = { runId, stage: { stageId, item: 0 }, decide: holdPoll(stageId, holdMs, workflowIds) };
      const end = await this.#run(unit, withRetries).catch(() => null);
      if (end?.loaded && end.result) polls.push(pollOf(end.loaded, end.result));
    }
    return polls;
  }

  async loadPayloads(runId: string): Promise<RunPayloads | null> {
    const run = await this.#persistence.getRun(runId);
    return run && payloadsOf(run, await this.#persistence.getStagesByRun(runId));
  }

  async loadResume({ runId, stageId }: { runId: string; stageId: string; item: number }): Promise<JsonText | null> {
    const resume = (await this.#persistence.getStage(runId, stageId))?.resumeData ?? null;
    return resume === null ? null : toText(resume);
  }

  async listQueuedWorkflowIds(): Promise<string[]> {
    const waiting = await Promise.all([this.#persistence.getRunsByStatus("PENDING"), this.#persistence.getRunsByStatus("RUNNING")]);
    return [...new Set(waiting.flat().map((run) => run.workflowId))].sort();
  }

  heartbeat(instance: Instance): Promise<void> {
    return this.#renew(instance, this.#environment.now());
  }

  forget(instance: Instance): Promise<void> {
    return this.#renew(instance, 0);
  }

  async listStale(thresholdMs: number, max: number): Promise<ExecutionRef[]> {
    await this.#transport.releaseStaleJobs(thresholdMs).catch(() => undefined); // a queue out of reach keeps no stage from its next worker
    const before = this.#environment.now() - thresholdMs;
    const leases = await scanLeases(this.#persistence);
    return leases
      .filter((lease) => lease.lockedAt < before)
      .map((lease) => lease.ref)
      .slice(0, max);
  }

  listLost(held: readonly ExecutionRef[]): Promise<ExecutionRef[]> {
    return lostOf(this.#persistence, held);
  }

  async listLeased(instance: Instance): Promise<ExecutionRef[]> {
    const leases = await scanLeases(this.#persistence);
    return leases.filter((lease) => lease.instanceId === instance.id).map((lease) => lease.ref);
  }

  async listStranded(before: number, max: number): Promise<string[]> {
    await this.#relay.relayPending();
    const runs = await scanRunning(this.#persistence);
    const repair = { transport: this.#transport, repairAfterMs: this.#repairAfterMs, now: this.#environment.now() };
    await repairJobs(runs, repair, (unit) => this.transact(unit));
    return strandedOf(runs, before).slice(0, max);
  }

  async nextWakeAt(): Promise<number | null> {
    const now = this.#environment.now();
    const due = await nextDueAt(this.#persistence, now);
    const next = [...this.#waits.values()].reduce((a, b) => Math.min(a, b), due ?? Number.POSITIVE_INFINITY);
    // told once: another process may have taken it since
    for (const [executionId, at] of this.#waits) if (at <= now) this.#waits.delete(executionId);
    return Number.isFinite(next) ? Math.max(now, next) : null;
  }

  renewEvents(token: string, leaseMs: number): Promise<boolean> {
    return this.#events.renew(token, leaseMs);
  }

  takeEvents(options: { max: number; leaseMs: number }): Promise<EventBatch | null> {
    return this.#events.take(options);
  }

  settleEvents(report: EventReport): Promise<boolean> {
    return this.#events.settle(report);
  }

  async replayDeadLetters(max: number): Promise<number> {
    const replayed = await this.#events.replay(max);
    if (replayed > 0) this.#tell({ hasWork: false, hasEvents: true, mayHaveLost: false, wakeAt: null, ended: [] });
    return replayed;
  }

  async sweep(limits: SweepLimits): Promise<SweepResult> {
    const swept = await this.#persistence.sweep?.(limits);
    return { events: 0, keys: 0, orphans: [], ...swept, runs: await sweepRuns(this.#persistence, limits) };
  }

  onSignal(listener: (signal: StoreSignal) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    await this.#relay.drained();
  }

  async #start(runId: string, jobs: DequeueResult[], options: { instance: Instance; workflowIds: readonly string[] }): Promise<Job[]> {
    const unit = { runId, decide: startJobs(jobs, options.instance, options.workflowIds) };
    const { result, loaded } = await this.#run(unit, withRetries);
    for (const { dequeued, stage } of result.started) this.#held.bind(stage.executionId, dequeued);
    await this.#held.complete(result.over);
    return loaded ? jobsOfStarts(loaded, result.started) : [];
  }

  async #run<R>(unit: Unit<R>, options: UnitOptions): Promise<UnitEnd<R>> {
    if (this.#isClosed) throw new WorkflowEngineError("STORE_CLOSED", "The store is closed. Create a new one.");
    const end = await this.#units.run(unit, options);
    if (end.written) await this.#afterCommit(end.written);
    return end;
  }

  /** The queue hears of what was committed, then everybody else. Nothing here undoes the commit. */
  async #afterCommit(written: Written): Promise<void> {
    const { before, after, stages, runId } = written;
    const now = this.#environment.now();
    const over = this.#held.observe(stages);
    for (const step of stages) this.#noteWait(step, now);
    await this.#relay.relay(jobsOf(written, jobIdOf));
    await this.#held.complete(over);
    const hasStopped = before?.status === "RUNNING" && (after === null || (isEnded(after.status) && after.status !== "COMPLETED"));
    if (hasStopped) await this.#transport.cancelByRun?.(runId).catch(() => undefined);
    await this.#totals.write(written);
    const signal = signalOf(written, now);
    if (signal) this.#tell(signal);
  }

  #noteWait({ before, after }: StageStep, now: number): void {
    if (before) this.#waits.delete(before.executionId);
    if (after?.status === "PENDING" && after.readyAt !== null && after.readyAt > now) this.#waits.set(after.executionId, after.readyAt);
  }

  #tell(signal: StoreSignal): void {
    for (const listener of [...this.#listeners]) listener(signal);
  }

  #renew(instance: Instance, lockedAt: number): Promise<void> {
    return renewLeases(this.#held, instance, lockedAt, async (unit) => (await this.#run(unit, withRetries)).result);
  }
}
