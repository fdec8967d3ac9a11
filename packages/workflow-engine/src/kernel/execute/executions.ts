// The executions this process holds: their abort signals, their heartbeats and the watch for lost leases and cancelled runs
// (P8, P13). One instance id for the process; nothing runs while nothing is held.
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { Decide, ExecutionRef, Instance, RunStore } from "../../ports/store.ts";
import { heldBy } from "../rules/fence.ts";
import { holdOn } from "../rules/poll.ts";
import { Abort } from "./abort.ts";

/** How often a held execution is heard of, and checked. Milliseconds. */
export interface WatchIntervals {
  /** Default 15,000. */
  heartbeatMs: number;
  /** Default 500: an abort reaches the stage within a second wherever it was ordered. */
  lostCheckMs: number;
}

/** Heartbeats after which a look at a suspended stage is taken for dead: as many as make the usual lease. */
const heartbeatsOfHold = 4;

/** One execution under way. */
export interface HeldExecution {
  readonly ref: ExecutionRef;
  readonly abort: Abort;
  end(): void;
  /** Resolves when no heartbeat of it is on its way any more: one that came later than what follows would undo that. */
  quiet(): Promise<unknown>;
}

/** How the store knows a held execution: as the stage's own, or as that of a look at a suspended stage. */
type HeldAs = "RUNNING" | "SUSPENDED";

const nothingOnItsWay: Promise<unknown> = Promise.resolve();

class Entry implements HeldExecution {
  readonly ref: ExecutionRef;
  readonly as: HeldAs;
  readonly since: number;
  readonly abort = new Abort();
  beat = nothingOnItsWay;
  readonly #held: Map<string, Entry>;

  constructor(ref: ExecutionRef, as: HeldAs, since: number, held: Map<string, Entry>) {
    this.ref = ref;
    this.as = as;
    this.since = since;
    this.#held = held;
    held.set(ref.executionId, this);
  }

  end(): void {
    this.#held.delete(this.ref.executionId);
  }

  quiet(): Promise<unknown> {
    return this.beat;
  }
}

/** Holds executions for as long as their user code runs. */
export class Executions {
  readonly instance: Instance;
  readonly #store: RunStore;
  readonly #environment: Environment;
  readonly #intervals: WatchIntervals;
  readonly #entries = new Map<string, Entry>();
  #isWatching = false;
  #heardAt = 0;

  constructor(store: RunStore, environment: Environment, instance: Instance, intervals: WatchIntervals) {
    this.#store = store;
    this.#environment = environment;
    this.instance = instance;
    this.#intervals = intervals;
    store.onSignal((signal) => {
      if (signal.mayHaveLost && this.#entries.size > 0) void this.#checkLost(Number.POSITIVE_INFINITY);
    });
  }

  /** Number of executions held. */
  get size(): number {
    return this.#entries.size;
  }

  /** How long a look at a suspended stage is held without a heartbeat, after which another poller takes its place. Milliseconds. */
  get pollHoldMs(): number {
    return heartbeatsOfHold * this.#intervals.heartbeatMs;
  }

  /** True while this execution's user code or commit is under way here. */
  has(executionId: string): boolean {
    return this.#entries.has(executionId);
  }

  /** Holds an execution until `end()`. */
  hold(ref: ExecutionRef, as: HeldAs = "RUNNING"): HeldExecution {
    const entry = new Entry(ref, as, this.#environment.now(), this.#entries);
    this.#watch();
    return entry;
  }

  /** Aborts these executions where they are held, e.g. because their host has to stop now. */
  abort(refs: readonly ExecutionRef[], reason: unknown): void {
    for (const { executionId } of refs) this.#entries.get(executionId)?.abort.abort(reason);
  }

  #watch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#heardAt = this.#environment.now();
    this.#tick();
  }

  #tick(): void {
    this.#environment.setTimer(this.#intervals.lostCheckMs, () => {
      if (this.#entries.size === 0) {
        this.#isWatching = false;
        return;
      }
      const now = this.#environment.now();
      if (now - this.#heardAt >= this.#intervals.heartbeatMs) {
        this.#heardAt = now;
        this.#beat();
      }
      void this.#checkLost(now - this.#intervals.lostCheckMs);
      this.#tick();
    });
  }

  /** The next one comes in heartbeatMs; leases and holds last several. */
  #beat(): void {
    this.#store.heartbeat(this.instance).catch(() => undefined);
    for (const entry of this.#entries.values()) {
      if (entry.as === "SUSPENDED") entry.beat = this.#askPoll(entry.ref, holdOn(entry.ref, this.pollHoldMs)).catch(() => undefined);
    }
  }

  /** Aborts held executions, begun before `before`, that the store no longer gives to this process. */
  async #checkLost(before: number): Promise<void> {
    const held = [...this.#entries.values()].filter((entry) => entry.since <= before && !entry.abort.isAborted);
    if (held.length === 0) return;
    for (const ref of await this.#listLost(held)) {
      const reason = new WorkflowEngineError(
        "EXECUTION_LOST",
        `Stage "${ref.stageId}" of run ${ref.runId} was cancelled or taken over by another worker.`,
      );
      this.#entries.get(ref.executionId)?.abort.abort(reason);
    }
  }

  /** What cannot be asked now is not lost. */
  async #listLost(held: readonly Entry[]): Promise<ExecutionRef[]> {
    const running = held.filter(({ as }) => as === "RUNNING").map(({ ref }) => ref);
    const polled = held.filter(({ as }) => as === "SUSPENDED").map(({ ref }) => ref);
    const [lost, ...lostPolls] = await Promise.all([
      running.length > 0 ? this.#store.listLost(running).catch(() => []) : [],
      ...polled.map(async (ref) => ((await this.#holdsPoll(ref)) ? [] : [ref])),
    ]);
    return [...lost, ...lostPolls.flat()];
  }

  #holdsPoll(ref: ExecutionRef): Promise<boolean> {
    return this.#askPoll(ref, (snapshot) => ({ result: heldBy(ref, "SUSPENDED", snapshot) !== null })).catch(() => true);
  }

  #askPoll(ref: ExecutionRef, decide: Decide<boolean>): Promise<boolean> {
    return this.#store.transact({ runId: ref.runId, stage: { stageId: ref.stageId, item: ref.item }, decide });
  }
}
