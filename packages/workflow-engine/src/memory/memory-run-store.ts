// The one door over rows in memory: every method is one synchronous step, hence one transaction (P2, P3, P4, P20).
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
import { stageRecordId } from "../store/record-ids.ts";
import { isKeyWritten } from "../store/unit-key.ts";
import { applyChanges } from "./apply-changes.ts";
import { askRule, payloadsOf } from "./decide.ts";
import { renewEvents, replayDeadLetters, settleEvents, takeEvents } from "./memory-events.ts";
import {
  forget,
  heartbeat,
  listLeased,
  listLost,
  listQueuedWorkflowIds,
  listStale,
  listStranded,
  nextWakeAt,
  requeueLost,
} from "./memory-leases.ts";
import { signalOf } from "./memory-signal.ts";
import { sweep } from "./memory-sweep.ts";
import type { MemoryTables } from "./memory-tables.ts";
import { claimRuns, type TakeContext, takeJobs, takePolls } from "./take.ts";
import { checkUnitKey, writeUnitKey } from "./unit-key.ts";

/** The native store over `MemoryTables`; time and ids come from the environment. */
export class MemoryRunStore implements RunStore {
  readonly handsOver = true;
  readonly deletesRuns = true;
  readonly keepsBudgets = true;
  readonly #tables: MemoryTables;
  readonly #environment: Environment;
  readonly #listeners = new Set<(signal: StoreSignal) => void>();

  constructor(tables: MemoryTables, environment: Environment) {
    this.#tables = tables;
    this.#environment = environment;
    tables.journal.onCommit((committed) => {
      const signal = this.#listeners.size > 0 ? signalOf(tables, committed, environment.now()) : null;
      if (signal) for (const listener of [...this.#listeners]) this.#tell(listener, signal);
    });
  }

  transact<R>(unit: Unit<R>): Promise<R> {
    return this.#step(({ tables, now, newId }) => {
      const earlier = unit.key && checkUnitKey(tables, unit.key, now);
      if (earlier) return earlier.answer;
      const changes = askRule(tables, unit, unit.decide, now, newId);
      applyChanges(tables, unit.runId, changes, now, newId);
      if (isKeyWritten(unit.key, changes)) writeUnitKey(tables, unit.key, changes.result, now);
      return changes.result;
    });
  }

  claimRuns<R>(options: { max: number; workflowIds: readonly string[] }, decide: Decide<R>): Promise<R[]> {
    return this.#step((context) => claimRuns(context, options, decide));
  }

  takeJobs(options: { instance: Instance; max: number; workflowIds: readonly string[] }): Promise<Job[]> {
    return this.#step((context) => takeJobs(context, options));
  }

  takePolls(options: { max: number; holdMs: number; workflowIds: readonly string[] }): Promise<Poll[]> {
    return this.#step((context) => takePolls(context, options));
  }

  loadPayloads(runId: string): Promise<RunPayloads | null> {
    return this.#step(({ tables }) => payloadsOf(tables, runId));
  }

  loadResume(ref: { runId: string; stageId: string; item: number }): Promise<JsonText | null> {
    return this.#step(({ tables }) => tables.stages.get(stageRecordId(ref.runId, ref.stageId, ref.item))?.payloads.resume ?? null);
  }

  listQueuedWorkflowIds(): Promise<string[]> {
    return this.#step(({ tables }) => listQueuedWorkflowIds(tables));
  }

  heartbeat(instance: Instance): Promise<void> {
    return this.#step(({ tables, now }) => heartbeat(tables, instance, now));
  }

  forget(instance: Instance): Promise<void> {
    return this.#step(({ tables }) => forget(tables, instance));
  }

  listStale(thresholdMs: number, max: number): Promise<ExecutionRef[]> {
    return this.#step(({ tables, now }) => listStale(tables, thresholdMs, max, now));
  }

  listLost(held: readonly ExecutionRef[]): Promise<ExecutionRef[]> {
    return this.#step(({ tables }) => listLost(tables, held));
  }

  listLeased(instance: Instance): Promise<ExecutionRef[]> {
    return this.#step(({ tables }) => listLeased(tables, instance));
  }

  listStranded(before: number, max: number): Promise<string[]> {
    return this.#step((context) => {
      requeueLost(context, before);
      return listStranded(context.tables, before, max);
    });
  }

  nextWakeAt(): Promise<number | null> {
    return this.#step(({ tables, now }) => nextWakeAt(tables, now));
  }

  renewEvents(token: string, leaseMs: number): Promise<boolean> {
    return this.#step(({ tables, now }) => renewEvents(tables, token, now + leaseMs));
  }

  takeEvents(options: { max: number; leaseMs: number }): Promise<EventBatch | null> {
    return this.#step((context) => takeEvents(context, options));
  }

  settleEvents(report: EventReport): Promise<boolean> {
    return this.#step(({ tables, now }) => settleEvents(tables, report, now));
  }

  replayDeadLetters(max: number): Promise<number> {
    return this.#step(({ tables, now }) => replayDeadLetters(tables, max, now));
  }

  sweep(limits: SweepLimits): Promise<SweepResult> {
    return this.#step(({ tables }) => sweep(tables, limits));
  }

  onSignal(listener: (signal: StoreSignal) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#tables.close();
    this.#listeners.clear();
  }

  /** A listener that throws fails loudly, and alone: the commit stands. */
  #tell(listener: (signal: StoreSignal) => void, signal: StoreSignal): void {
    try {
      listener(signal);
    } catch (error) {
      this.#environment.defer(() => {
        throw error;
      });
    }
  }

  #step<T>(work: (context: TakeContext) => T): Promise<T> {
    const environment = this.#environment;
    return this.#tables.step(() => work({ tables: this.#tables, now: environment.now(), newId: () => environment.newId() }));
  }
}
