// A soak: real worker processes on one store for as long as you like, killed and restarted all the time, while runs come in. Every run is
// audited when it has ended, and then forgotten by retention; at the end memory and tables must be what they were.
import { createKernel, createRegistry, type Kernel } from "@bratsos/workflow-engine";
import { auditRun, type Expected } from "../audit.ts";
import { mixedRun, pause } from "../mixed-runs.ts";
import { type OpenedStore, openStore, type StoreName } from "../stores.ts";
import { workflows } from "../workflows.ts";
import { SoakWorkers } from "./soak-workers.ts";
import type { MeasureTables } from "./tables.ts";

/** How to soak. */
export interface SoakOptions {
  store: StoreName;
  /** Where the store's rows are: a file, or a connection string. */
  place: string;
  measure: MeasureTables;
  minutes: number;
  /** Runs created a second. */
  rate: number;
  workers: number;
  /** Told of each sample. */
  onSample?: (sample: SoakSample) => void;
}

/** What was measured at one instant. */
export interface SoakSample {
  seconds: number;
  /** Runs not ended yet. */
  open: number;
  audited: number;
  /** Heap that a worker which is never killed holds after a collection, in MiB. */
  heapMiB: number;
  tables: Record<string, number>;
}

/** What a soak came to. */
export interface SoakReport {
  audited: number;
  killed: number;
  stopped: number;
  problems: string[];
  samples: SoakSample[];
}

/** What has served its time goes within minutes, so that a soak shows whether it does; events outlive the slowest run. Milliseconds. */
const retention = { publishedEventsMs: 120_000, deadLettersMs: 30_000, idempotencyKeysMs: 30_000, endedRunsMs: 30_000 };
const replaceEveryMs = 3_000;
const sampleEveryMs = 10_000;
const mostMsToEnd = 120_000;

/** Soaks. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const store = openStore(options.store, options.place);
  const kernel = createKernel({ ...store, registry: createRegistry(workflows), retention });
  const workers = new SoakWorkers(options.store, options.place);
  const soaking = new Soaking(options, store, kernel, workers);
  try {
    await workers.start(options.workers);
    return await soaking.run();
  } finally {
    await workers.close();
    await store.close();
  }
}

class Soaking {
  readonly #options: SoakOptions;
  readonly #store: OpenedStore;
  readonly #kernel: Kernel;
  readonly #workers: SoakWorkers;
  readonly #open = new Map<string, Expected>();
  readonly #problems: string[] = [];
  readonly #samples: SoakSample[] = [];
  readonly #startedAt = performance.now();
  #created = 0;
  #audited = 0;
  #isCreating = true;
  #isOver = false;

  constructor(options: SoakOptions, store: OpenedStore, kernel: Kernel, workers: SoakWorkers) {
    this.#options = options;
    this.#store = store;
    this.#kernel = kernel;
    this.#workers = workers;
  }

  async run(): Promise<SoakReport> {
    const { rate, minutes } = this.#options;
    const loops = [
      this.#every(1_000 / rate, () => this.#create()),
      this.#every(replaceEveryMs, () => this.#workers.replace(Math.random(), Math.random() < 0.3)),
      this.#every(500, () => this.#audit()),
      this.#every(5_000, () => this.#sweep()),
      this.#every(sampleEveryMs, () => this.#sample()),
    ];
    await pause(minutes * 60_000);
    this.#isCreating = false;
    const deadline = performance.now() + mostMsToEnd;
    while (this.#open.size > 0 && performance.now() < deadline) await pause(200);
    this.#isOver = true;
    await Promise.all(loops);
    for (const [runId] of this.#open) this.#problems.push(`${runId}: had not ended ${mostMsToEnd / 1000} s after the last was created`);
    const { killed, stopped } = this.#workers;
    return { audited: this.#audited, killed, stopped, problems: this.#problems, samples: this.#samples };
  }

  async #every(ms: number, work: () => Promise<void>): Promise<void> {
    for (let next = performance.now() + ms; !this.#isOver; next = Math.max(next + ms, performance.now())) {
      while (!this.#isOver && performance.now() < next) await pause(Math.min(200, next - performance.now()));
      if (this.#isOver) return;
      await work().catch((error: unknown) => void this.#problems.push(String(error)));
    }
  }

  /** Creates a run; every tenth command is given twice, as by a client that heard nothing. */
  async #create(): Promise<void> {
    if (!this.#isCreating) return;
    const n = this.#created++;
    const { command, expected } = mixedRun(n);
    const { workflowRunId } = await this.#kernel.dispatch(command);
    this.#open.set(workflowRunId, expected);
    if (n % 10 !== 0) return;
    const again = await this.#kernel.dispatch(command);
    if (again.workflowRunId !== workflowRunId) this.#problems.push(`key ${command.idempotencyKey} made two runs`);
  }

  /** Audits what has ended and been published. */
  async #audit(): Promise<void> {
    for (const [runId, expected] of [...this.#open]) {
      const status = await this.#store.persistence.getRunStatus(runId);
      if (status === null) this.#problems.push(`${runId}: lost`);
      if (status !== null && status !== "COMPLETED" && status !== "FAILED") continue;
      const last = (await this.#store.reader.listEvents(runId, 0, 10_000)).at(-1)?.eventType;
      if (status !== null && last !== "workflow:completed" && last !== "workflow:failed") continue;
      this.#problems.push(...(status === null ? [] : await auditRun(this.#store.reader, runId, expected)));
      this.#open.delete(runId);
      this.#audited++;
    }
  }

  async #sweep(): Promise<void> {
    const session = this.#kernel.work.openSession({ workerId: "sweeper" });
    while ((await session.sweep()) > 0);
  }

  async #sample(): Promise<void> {
    const heapMiB = (await this.#workers.heapOfElder()) / 2 ** 20;
    const tables = await this.#options.measure();
    const seconds = Math.round((performance.now() - this.#startedAt) / 1000);
    const sample: SoakSample = { seconds, open: this.#open.size, audited: this.#audited, heapMiB, tables };
    this.#samples.push(sample);
    this.#options.onSample?.(sample);
  }
}

/** What grew between the second quarter of a soak and its last, in words; nothing when memory and tables are flat. */
export function findGrowth(samples: readonly SoakSample[]): string[] {
  const quarter = Math.floor(samples.length / 4);
  if (quarter < 2) return []; // too short to tell
  const early = samples.slice(quarter, 2 * quarter);
  const late = samples.slice(-quarter);
  const names = Object.keys(late.at(-1)?.tables ?? {}).filter((name) => name !== "timers"); // kept for a day by design
  const growth = (what: string, of: (sample: SoakSample) => number, slack: number): string[] => {
    const [before, after] = [median(early.map(of)), median(late.map(of))];
    return after > before * 1.3 + slack ? [`${what} grew from ${before.toFixed(1)} to ${after.toFixed(1)}`] : [];
  };
  return [
    ...growth("heap (MiB)", ({ heapMiB }) => heapMiB, 4),
    ...names.flatMap((name) => growth(name, ({ tables }) => tables[name] ?? 0, name === "bytes" ? 2 ** 24 : 500)),
  ];
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
