// The floor: what the same work costs written by hand for these two shapes only, on node:sqlite. One row a run, one a stage, one an
// event; a stage's result is committed before the next stage starts; everything that is ready rides one transaction. It leaves out
// what an engine is for: leases, retries, idempotency keys, other processes, schemas, a graph.
import path from "node:path";
import { EndedCount } from "./ended-count.ts";
import type { Bench, Engine, Shape } from "./engine.ts";
import { type Flight, outputsOf, runNext } from "./floor-flight.ts";
import { FloorRows } from "./floor-rows.ts";

/** Runs under way at most. */
const window = 1_000;

/** The hand-written floor. */
export const floor: Engine = {
  name: "floor",
  store: "sqlite",
  kind: "workflows",
  version: process.versions["sqlite"] ?? "",
  settings: `hand-written, up to ${window} runs a commit, synchronous FULL`,
  share: 1,
  hasProcesses: false,
  open: async ({ folder }) => new FloorBench(path.join(folder, "floor.db")),
};

interface Start {
  shape: Shape;
  resolve(): void;
}

class FloorBench implements Bench {
  readonly #rows: FloorRows;
  readonly #ended = new EndedCount();
  #starts: Start[] = [];
  /** Runs whose stages have run since the last commit. */
  #settling: Flight[] = [];
  #underWay = 0;
  #pending = 0;
  #isWorking = false;
  #pumping: Promise<void> | null = null;

  constructor(file: string) {
    this.#rows = new FloorRows(file);
  }

  start(shape: Shape): Promise<void> {
    return new Promise((resolve) => {
      this.#starts.push({ shape, resolve });
      this.#pump();
    });
  }

  async work(): Promise<void> {
    this.#isWorking = true;
    this.#pending = this.#rows.countPending();
    this.#pump();
  }

  ended(total: number): Promise<void> {
    return this.#ended.reaches(total);
  }

  async countCompleted(): Promise<number> {
    return this.#rows.countCompleted();
  }

  async close(): Promise<void> {
    this.#isWorking = false;
    await this.#pumping;
    this.#rows.close();
  }

  #pump(): void {
    this.#pumping ??= this.#loop().finally(() => {
      this.#pumping = null;
      if (this.#hasWork()) this.#pump();
    });
  }

  #hasWork(): boolean {
    return this.#starts.length > 0 || this.#settling.length > 0 || (this.#isWorking && this.#pending > 0 && this.#underWay < window);
  }

  async #loop(): Promise<void> {
    do {
      // what arrives in this turn of the event loop rides the commit
      await new Promise<void>((resolve) => setImmediate(resolve));
      const starts = this.#starts.splice(0);
      const settling = this.#settling.splice(0);
      const { goingOn, taken } = this.#rows.inOneCommit(() => this.#write(starts, settling));
      for (const { resolve } of starts) resolve();
      this.#underWay = goingOn.length + taken.length;
      this.#ended.add(settling.length - goingOn.length);
      this.#settling.push(...(await Promise.all([...goingOn, ...taken].map(runNext))));
    } while (this.#hasWork());
  }

  /** Writes what happened since the last commit; answers the runs with a stage left, and the runs newly taken. */
  #write(starts: readonly Start[], settling: readonly Flight[]): { goingOn: Flight[]; taken: Flight[] } {
    for (const { shape } of starts) this.#rows.insertRun(shape);
    this.#pending += starts.length;
    const goingOn = settling.filter((flight) => !this.#settle(flight));
    const taken = this.#isWorking && this.#pending > 0 ? this.#rows.take(window - goingOn.length) : [];
    this.#pending -= taken.length;
    return { goingOn, taken: taken.map((run) => ({ run, done: 0, value: 0, outputs: [] })) };
  }

  /** Writes the outputs that are new; true when the run has ended. */
  #settle(flight: Flight): boolean {
    const { run, outputs } = flight;
    for (const n of outputs) this.#rows.insertStage(run.id, flight.done++, { n });
    if (flight.done < run.shape.stages) return false;
    this.#rows.completeRun(run.id, outputsOf(flight));
    return true;
  }
}
