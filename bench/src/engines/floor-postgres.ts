// The floor on PostgreSQL: the same work written by hand for these two shapes only, batched. A row a run, a stage and an event; a stage's
// result is committed before the next one starts; all that is ready rides one statement, which is one commit; what arrives meanwhile is
// the next one. It leaves out what an engine is for: leases, retries, idempotency keys, schemas, a graph, sequence numbers, publishing.
import { acrossProcesses } from "../postgres/across-processes.ts";
import type { Halves } from "../postgres/halves.ts";
import type { Engine, Shape } from "./engine.ts";
import { type Flight, outputsOf, runNext } from "./floor-flight.ts";
import { type Batch, FloorWriter } from "./floor-postgres-rows.ts";
import { installedVersion } from "./installed-version.ts";

/** Writing connections of a worker, and runs each has under way at most. */
const lanes = 2;
const window = 500;

export const halves: Halves = {
  async openStarter({ url }) {
    const writer = await FloorWriter.open(url, true);
    const starts = new Starts(writer);
    return {
      start: (shape) => starts.add(shape),
      countCompleted: () => writer.countCompleted(),
      close: () => writer.close(),
    };
  },

  async openWorker({ url, ended }) {
    const ear = await FloorWriter.open(url);
    const writers = await Promise.all(Array.from({ length: lanes }, () => FloorWriter.open(url)));
    const open = writers.map((writer) => new Lane(writer, ended));
    return {
      work: async () => {
        await ear.listen(() => wakeOne(open));
        for (const lane of open) lane.wake();
      },
      close: async () => {
        await Promise.all(open.map((lane) => lane.stop()));
        await Promise.all([ear, ...writers].map((writer) => writer.close()));
      },
    };
  },
};

/** The hand-written floor on PostgreSQL. */
export const floorPostgres: Engine = acrossProcesses({
  name: "floor",
  kind: "workflows",
  version: `pg ${installedVersion("pg")}`,
  settings: `hand-written, ${lanes} writing connections a worker, up to ${window} runs a commit each`,
  share: 1,
  module: import.meta.url,
  halves,
});

/** One is enough for one start, and an idle one answers soonest. */
function wakeOne(lanes: readonly Lane[]): void {
  (lanes.find((lane) => lane.isIdle) ?? lanes[0])?.wake();
}

/** Starts that arrive while a batch is on its way are the next batch. */
class Starts {
  readonly #writer: FloorWriter;
  #waiting: Array<{ shape: Shape; resolve(): void; reject(error: unknown): void }> = [];
  #isWriting = false;

  constructor(writer: FloorWriter) {
    this.#writer = writer;
  }

  add(shape: Shape): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ shape, resolve, reject });
      if (!this.#isWriting) void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const batch = this.#waiting.splice(0, 1_000);
      try {
        await this.#writer.insertRuns(batch.map(({ shape }) => shape));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#isWriting = false;
  }
}

/** One writing connection, and the runs it has under way. */
class Lane {
  readonly #writer: FloorWriter;
  readonly #ended: (runs: number) => void;
  #flights: Flight[] = [];
  #hasNews = false;
  #isStopped = false;
  #looping: Promise<void> | null = null;

  constructor(writer: FloorWriter, ended: (runs: number) => void) {
    this.#writer = writer;
    this.#ended = ended;
  }

  get isIdle(): boolean {
    return this.#looping === null;
  }

  /** There may be runs to take. */
  wake(): void {
    this.#hasNews = true;
    this.#looping ??= this.#loop().finally(() => (this.#looping = null));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#looping;
  }

  async #loop(): Promise<void> {
    while (!this.#isStopped && (this.#flights.length > 0 || this.#hasNews)) {
      this.#hasNews = false;
      const batch = settle(this.#flights);
      const goingOn = this.#flights.filter(({ done, run }) => done < run.shape.stages);
      const room = window - goingOn.length;
      const taken = await this.#writer.write({ ...batch, take: room });
      // there may be more than there was room for
      if (taken.length === room) this.#hasNews = true;
      if (batch.ended.length > 0) this.#ended(batch.ended.length);
      const ready = [...goingOn, ...taken.map((run) => ({ run, done: 0, value: 0, outputs: [] }))];
      this.#flights = await Promise.all(ready.map(runNext));
    }
  }
}

/** What the flights whose stages have run have to write; counts those stages as done. */
function settle(flights: readonly Flight[]): Omit<Batch, "take"> {
  const stages: Array<Batch["stages"][number]> = [];
  const ended: Array<Batch["ended"][number]> = [];
  for (const flight of flights) {
    const runId = flight.run.id;
    for (const n of flight.outputs) stages.push({ runId, stage: flight.done++, output: { n } });
    if (flight.done === flight.run.shape.stages) ended.push({ runId, output: outputsOf(flight) });
  }
  return { stages, ended };
}
