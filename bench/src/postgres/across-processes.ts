// An engine on PostgreSQL as scenarios know it: starts happen in the measuring process, workers are processes of their own, and what
// has ended comes back over their pipes, the same way for every engine.
import { setTimeout } from "node:timers/promises";
import { EndedCount } from "../engines/ended-count.ts";
import type { Bench, Engine, Shape, Usage } from "../engines/engine.ts";
import { type MeasuredDatabase, openDatabase } from "./database.ts";
import type { Halves, Starter } from "./halves.ts";
import type { WorkerOrder } from "./messages.ts";
import { WorkerProcess } from "./worker-process.ts";

/** What an engine's file says of it; `module` is the URL of that file, which exports `halves`. */
export type PostgresEngine = Omit<Engine, "store" | "hasProcesses" | "open"> & { module: string; halves: Halves };

/** Makes an engine of two halves. */
export function acrossProcesses({ module, halves, ...engine }: PostgresEngine): Engine {
  return {
    ...engine,
    store: "postgres",
    hasProcesses: true,
    open: async ({ shapes, isCounting }) => {
      const database = await openDatabase(isCounting);
      const openStarter = () => halves.openStarter({ url: database.url, shapes });
      return new AcrossProcesses(database, openStarter, await openStarter(), { module, url: database.url, shapes, isCounting });
    },
  };
}

/** How long a worker has to have said nothing before it is halted. */
const quietMs = 300;

class AcrossProcesses implements Bench {
  readonly #database: MeasuredDatabase;
  readonly #openStarter: () => Promise<Starter>;
  readonly #order: WorkerOrder;
  readonly #ended = new EndedCount();
  readonly #endedIds = new Set<string>();
  #starter: Starter;
  #workers: WorkerProcess[] = [];

  constructor(database: MeasuredDatabase, openStarter: () => Promise<Starter>, starter: Starter, order: WorkerOrder) {
    this.#database = database;
    this.#openStarter = openStarter;
    this.#starter = starter;
    this.#order = order;
  }

  start(shape: Shape): Promise<void> {
    return this.#starter.start(shape);
  }

  async hire(workers: number): Promise<void> {
    await this.#database.analyse();
    const hired = Array.from({ length: workers }, () => WorkerProcess.start(this.#order, (runs) => this.#hear(runs)));
    this.#workers.push(...(await Promise.all(hired)));
  }

  async dismiss(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.close()));
  }

  async work(): Promise<void> {
    if (this.#workers.length === 0) await this.hire(1);
    await Promise.all(this.#workers.map((worker) => worker.work()));
  }

  async halt(): Promise<void> {
    // what they do behind the last end is over by then: nobody is to stand still with a transaction open
    await setTimeout(quietMs);
    for (const worker of this.#workers) worker.halt();
  }

  goOn(): void {
    for (const worker of this.#workers) worker.goOn();
  }

  ended(total: number): Promise<void> {
    return this.#ended.reaches(total);
  }

  countCompleted(): Promise<number> {
    return this.#starter.countCompleted();
  }

  async usage(): Promise<Usage> {
    const server = await this.#database.usage();
    const used = await Promise.all(this.#workers.map((worker) => worker.usage()));
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    return { ...server, "worker CPU us": sum(used.map(({ cpuUs }) => cpuUs)), "wake-ups": sum(used.map(({ wakeUps }) => wakeUps)) };
  }

  async restart(): Promise<void> {
    const workers = this.#workers.splice(0);
    await Promise.all(workers.map((worker) => worker.kill()));
    await this.#starter.close();
    await this.#database.restart();
    this.#starter = await this.#openStarter();
    await this.hire(workers.length);
    await this.work();
  }

  async close(): Promise<void> {
    await this.dismiss();
    await this.#starter.close();
    await this.#database.close();
  }

  #hear(runs: number | readonly string[]): void {
    const before = this.#endedIds.size;
    if (typeof runs !== "number") for (const id of runs) this.#endedIds.add(id);
    this.#ended.add(typeof runs === "number" ? runs : this.#endedIds.size - before);
  }
}
