// What a host does beside executing jobs: publishing, polling, reaping, repairing, sweeping. At once when the store signals it; else by
// the safety-net tick (P10, P14, P16 to P18, P22).
import type { WorkSession } from "../kernel/session.ts";
import type { Environment } from "../ports/environment.ts";
import type { ExecutionRef, Poll } from "../ports/store.ts";
import { Alarm } from "./alarm.ts";
import { Gathering } from "./gathering.ts";
import type { ResolvedHostOptions } from "./options.ts";
import { Single } from "./single.ts";
import { keepUp, sweepAll } from "./upkeep.ts";
import type { Worker } from "./worker.ts";

const sweepIntervalMs = 10 * 60_000;
/** Longest pause between two looks at due work that this worker does not take. Milliseconds. */
const longestPauseMs = 500;
/** Events published in one go when the store signals them. */
const flushBatch = 2_000;
/** A commit of each stage need not have a publication of its own: so long events gather after one. Milliseconds. */
const gatherMs = 5;

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
  readonly #flushing: Gathering;
  readonly #polling: Single;
  readonly #wake: Alarm;
  readonly #retry: Alarm;
  /** Looks at suspended stages under way, by execution. */
  readonly #polls = new Map<string, Poll>();
  #onPolled: Array<() => void> = [];
  #cancelTick: (() => void) | null = null;
  #ticking: Promise<void> = Promise.resolve();
  #isStopped = false;
  #pauseMs = 1;
  #sweptAt: number;
  #suspects = new Set<string>();
  #unsubscribe: (() => void) | null = null;

  constructor(session: WorkSession, environment: Environment, options: ResolvedHostOptions, worker: Worker) {
    this.#session = session;
    this.#environment = environment;
    this.#options = options;
    this.#worker = worker;
    this.#flushing = new Gathering(environment, { pauseMs: gatherMs, pass: () => this.#flushAll(), onError: options.onError });
    this.#polling = new Single(() => this.#pollAll(), options.onError);
    this.#wake = new Alarm(environment, () => {
      this.#worker.wake();
      this.#polling.run();
    });
    this.#retry = new Alarm(environment, () => this.#flushing.run());
    this.#sweptAt = environment.now();
  }

  start(): void {
    this.#unsubscribe = this.#session.onSignal((signal) => {
      if (signal.hasWork) this.#worker.wake();
      if (signal.hasEvents) this.#flushSoon();
      if (signal.wakeAt !== null) this.#wake.setBy(signal.wakeAt);
    });
    this.#scheduleTick(0);
  }

  /** Looks at no more stages; resolves when those looked at are answered. */
  async stopPolling(): Promise<void> {
    this.#isStopped = true;
    this.#wake.off();
    await this.#polling.settled();
    while (this.#polls.size > 0) await new Promise<void>((resolve) => this.#onPolled.push(resolve));
  }

  /** Aborts the looks under way: those stages are looked at again later. */
  abandonPolls(reason: unknown): void {
    this.#session.abort([...this.#polls.values()], reason);
  }

  /** Stops ticking and polling; publishes once more what is left. Nothing runs and no timer is set afterwards. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick?.();
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    await this.stopPolling();
    await this.#ticking;
    this.#flushing.run();
    await this.#flushing.settled();
    this.#flushing.off();
    this.#retry.off();
  }

  /** One pass over everything; errors of one part do not keep the others from running. */
  async tick(): Promise<void> {
    this.stats.ticks++;
    this.#worker.wake();
    this.#flushing.run();
    this.#polling.run();
    await keepUp(this.#session, this.#options.staleLeaseThresholdMs, (part, otherwise) => this.#attempt(part, otherwise));
    await this.#attempt(() => this.#reconcile(), undefined);
    await this.#attempt(() => this.#sweep(), undefined);
    const wakeAt = await this.#attempt(() => this.#session.nextWakeAt(), null);
    if (wakeAt !== null) this.#wake.setBy(wakeAt);
  }

  #scheduleTick(ms: number): void {
    this.#cancelTick = this.#environment.setTimer(ms, () => {
      this.#ticking = this.tick().finally(() => {
        if (!this.#isStopped) this.#scheduleTick(this.#options.orchestrationIntervalMs);
      });
    });
  }

  async #attempt<T>(part: () => Promise<T>, otherwise: T): Promise<T> {
    if (this.#isStopped) return otherwise;
    try {
      return await part();
    } catch (error) {
      this.#options.onError(error);
      return otherwise;
    }
  }

  /** Publishes behind what this turn still sends: the next commit of a run is waited for, its events are not. */
  #flushSoon(): void {
    this.#environment.defer(() => {
      if (!this.#isStopped) this.#flushing.ask();
    });
  }

  async #flushAll(): Promise<void> {
    const max = Math.max(flushBatch, this.#options.maxOutboxFlushPerTick);
    let flushed: number;
    do flushed = await this.#session.flush(max, (retryAt) => this.#retry.setBy(retryAt));
    while (flushed > 0 && !this.#isStopped); // others may go on filling the outbox for as long as they live
  }

  /** Begins to look at what is due, `maxSuspendedChecksPerTick` at a time: one that takes long keeps no other from being looked at. */
  async #pollAll(): Promise<void> {
    const max = this.#options.maxSuspendedChecksPerTick;
    let found = 0;
    for (let isFull = true; isFull && !this.#isStopped && this.#polls.size < max; ) {
      const room = max - this.#polls.size;
      const polls = await this.#session.takePolls(room);
      for (const poll of polls) void this.#look(poll);
      found += polls.length;
      isFull = polls.length >= room;
    }
    const wakeAt = await this.#session.nextWakeAt();
    const now = this.#environment.now();
    // what is due and stays is another worker's, or waits for room here: looked for again ever more rarely, not in a loop
    const isLeft = wakeAt !== null && wakeAt <= now && found === 0;
    this.#pauseMs = isLeft ? Math.min(this.#pauseMs * 2, longestPauseMs) : 1;
    if (wakeAt !== null) this.#wake.setBy(Math.max(wakeAt, now + this.#pauseMs));
  }

  async #look(poll: Poll): Promise<void> {
    this.#polls.set(poll.executionId, poll);
    try {
      await this.#session.poll(poll);
    } catch (error) {
      this.#options.onError(error); // it is looked at again once the hold of this look is over
    }
    const wasFull = this.#polls.size >= this.#options.maxSuspendedChecksPerTick;
    this.#polls.delete(poll.executionId);
    if (wasFull && !this.#isStopped) this.#polling.run();
    if (this.#polls.size === 0) for (const resolve of this.#onPolled.splice(0)) resolve();
  }

  /** Releases jobs that the store gives to this process and that it does not know, seen twice in a row: their answer was lost. */
  async #reconcile(): Promise<void> {
    const leased = await this.#session.listLeased();
    if (this.#isStopped) return;
    const unknown = leased.filter((ref) => !this.#worker.leased.has(ref.executionId));
    const lost: ExecutionRef[] = unknown.filter((ref) => this.#suspects.has(ref.executionId));
    this.#suspects = new Set(unknown.map((ref) => ref.executionId));
    if (lost.length > 0) await this.#session.release(lost);
  }

  async #sweep(): Promise<void> {
    if (this.#environment.now() - this.#sweptAt < sweepIntervalMs) return;
    this.#sweptAt = this.#environment.now();
    await sweepAll(this.#session, () => this.#isStopped);
  }
}
