// What a host does beside executing jobs: publishing, polling, reaping, repairing, sweeping. At once when the store signals it; else by
// the safety-net tick (P10, P14, P16 to P18, P22).
import type { WorkSession } from "../kernel/session.ts";
import type { Environment } from "../ports/environment.ts";
import type { ExecutionRef } from "../ports/store.ts";
import type { ResolvedHostOptions } from "./options.ts";
import { Single } from "./single.ts";
import type { Worker } from "./worker.ts";

/** Runs that have been stuck for this long are moved. Milliseconds. */
const repairAfterMs = 5_000;
const sweepIntervalMs = 10 * 60_000;
/** Longest pause between two looks at due work that this worker does not take. Milliseconds. */
const longestPauseMs = 500;
/** Events published in one go when the store signals them. */
const flushBatch = 2_000;

/** Counts what was done. */
export interface OrchestratorStats {
  ticks: number;
}

/** Keeps runs moving. */
export class Orchestrator {
  readonly stats: OrchestratorStats = { ticks: 0 };
  readonly #session: WorkSession;
  readonly #environment: Environment;
  readonly #options: ResolvedHostOptions;
  readonly #worker: Worker;
  readonly #flushing: Single;
  readonly #polling: Single;
  #cancelTick: (() => void) | null = null;
  #cancelWake: (() => void) | null = null;
  #wakeAt = Number.POSITIVE_INFINITY;
  #pauseMs = 1;
  #sweptAt: number;
  #suspects = new Set<string>();
  #unsubscribe: (() => void) | null = null;

  constructor(session: WorkSession, environment: Environment, options: ResolvedHostOptions, worker: Worker) {
    this.#session = session;
    this.#environment = environment;
    this.#options = options;
    this.#worker = worker;
    this.#flushing = new Single(() => this.#flushAll(), options.onError);
    this.#polling = new Single(() => this.#pollAll(), options.onError);
    this.#sweptAt = environment.now();
  }

  start(): void {
    this.#unsubscribe = this.#session.onSignal((signal) => {
      if (signal.hasEvents) this.#flushing.run();
      if (signal.hasWork) this.#worker.wake();
      if (signal.wakeAt !== null) this.#wakeBy(signal.wakeAt);
    });
    this.#scheduleTick(0);
  }

  /** Stops ticking; publishes what is left. */
  async stop(): Promise<void> {
    this.#cancelTick?.();
    this.#cancelWake?.();
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    await this.#polling.settled();
    this.#flushing.run();
    await this.#flushing.settled();
  }

  /** One pass over everything; errors of one part do not keep the others from running. */
  async tick(): Promise<void> {
    this.stats.ticks++;
    this.#worker.wake();
    this.#flushing.run();
    this.#polling.run();
    await this.#attempt(() => this.#session.reapStale(this.#options.staleLeaseThresholdMs));
    await this.#attempt(() => this.#session.repair(repairAfterMs));
    await this.#attempt(() => this.#reconcile());
    await this.#attempt(() => this.#sweep());
    await this.#attempt(async () => {
      const wakeAt = await this.#session.nextWakeAt();
      if (wakeAt !== null) this.#wakeBy(wakeAt);
    });
  }

  #scheduleTick(ms: number): void {
    this.#cancelTick = this.#environment.setTimer(ms, () => {
      void this.tick().finally(() => {
        if (this.#unsubscribe) this.#scheduleTick(this.#options.orchestrationIntervalMs);
      });
    });
  }

  async #attempt(part: () => Promise<unknown>): Promise<void> {
    try {
      await part();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Looks for due work at this instant, unless an earlier look is planned. */
  #wakeBy(at: number): void {
    if (at >= this.#wakeAt) return;
    this.#cancelWake?.();
    this.#wakeAt = at;
    this.#cancelWake = this.#environment.setTimer(Math.max(0, at - this.#environment.now()), () => {
      this.#wakeAt = Number.POSITIVE_INFINITY;
      this.#worker.wake();
      this.#polling.run();
    });
  }

  async #flushAll(): Promise<void> {
    const max = Math.max(flushBatch, this.#options.maxOutboxFlushPerTick);
    while ((await this.#session.flush(max)) > 0);
  }

  async #pollAll(): Promise<void> {
    const max = this.#options.maxSuspendedChecksPerTick;
    let polled = 0;
    for (let found = max; found >= max; polled += found) found = await this.#session.pollSuspended(max);
    const wakeAt = await this.#session.nextWakeAt();
    const now = this.#environment.now();
    // what is due and stays is another worker's, or waits for room here: looked for again ever more rarely, not in a loop
    const isLeft = wakeAt !== null && wakeAt <= now && polled === 0;
    this.#pauseMs = isLeft ? Math.min(this.#pauseMs * 2, longestPauseMs) : 1;
    if (wakeAt !== null) this.#wakeBy(Math.max(wakeAt, now + this.#pauseMs));
  }

  /** Releases jobs that the store gives to this process and that it does not know, seen twice in a row: their answer was lost. */
  async #reconcile(): Promise<void> {
    const leased = await this.#session.listLeased();
    const unknown = leased.filter((ref) => !this.#worker.leased.has(ref.executionId));
    const lost: ExecutionRef[] = unknown.filter((ref) => this.#suspects.has(ref.executionId));
    this.#suspects = new Set(unknown.map((ref) => ref.executionId));
    if (lost.length > 0) await this.#session.release(lost);
  }

  async #sweep(): Promise<void> {
    if (this.#environment.now() - this.#sweptAt < sweepIntervalMs) return;
    this.#sweptAt = this.#environment.now();
    while ((await this.#session.sweep()) > 0);
  }
}
