// The executions this process holds: their abort signals, their heartbeats and the watch for lost leases and cancelled runs
// (P8, P13). One instance id for the process; nothing runs while nothing is held.
import { WorkflowEngineError } from "../../errors.ts";
import type { Environment } from "../../ports/environment.ts";
import type { Decide, ExecutionRef, Instance, RunStore } from "../../ports/store.ts";
import { heldBy } from "../rules/fence.ts";
import { Abort } from "./abort.ts";

/** How often a held execution is heard of, and checked. Milliseconds. */
export interface WatchIntervals {
  /** Default 15,000. */
  heartbeatMs: number;
  /** Default 500: an abort reaches the stage within a second wherever it was ordered. */
  lostCheckMs: number;
}

/** One execution under way. */
export interface HeldExecution {
  readonly ref: ExecutionRef;
  readonly abort: Abort;
  end(): void;
}

/** How the store knows a held execution: as the stage's own, or as that of a look at a suspended stage. */
type HeldAs = "RUNNING" | "SUSPENDED";

interface Entry {
  ref: ExecutionRef;
  as: HeldAs;
  since: number;
  abort: Abort;
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

  /** True while this execution's user code or commit is under way here. */
  has(executionId: string): boolean {
    return this.#entries.has(executionId);
  }

  /** Holds an execution until `end()`. */
  hold(ref: ExecutionRef, as: HeldAs = "RUNNING"): HeldExecution {
    const entry: Entry = { ref, as, since: this.#environment.now(), abort: new Abort() };
    this.#entries.set(ref.executionId, entry);
    this.#watch();
    return { ref, abort: entry.abort, end: () => void this.#entries.delete(ref.executionId) };
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
        this.#store.heartbeat(this.instance).catch(() => undefined); // the next one comes in heartbeatMs; the lease lasts several
      }
      void this.#checkLost(now - this.#intervals.lostCheckMs);
      this.#tick();
    });
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
    const decide: Decide<boolean> = (snapshot) => ({ result: heldBy(ref, "SUSPENDED", snapshot) !== null });
    return this.#store.transact({ runId: ref.runId, stage: { stageId: ref.stageId, item: ref.item }, decide }).catch(() => true);
  }
}
