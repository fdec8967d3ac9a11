// Measures a stretch of work: its rate and CPU when it is timed, its driver calls and written bytes when it is counted. What other
// processes have used (workers, the database's server) they tell themselves.
import type { Bench, Usage } from "../engines/engine.ts";
import type { Counters } from "./counters.ts";
import type { Metric } from "./metric.ts";

/** Size of the blocks that getrusage(2) counts on Linux. */
const blockBytes = 512;

interface Reading {
  at: number;
  cpuUs: number;
  blocks: number;
  statements: number;
  commits: number;
  usage: Usage | null;
}

/** A stretch of work under way. */
export class Meter {
  readonly #bench: Bench;
  readonly #counters: Counters | null;
  readonly #begin: Reading;

  private constructor(bench: Bench, counters: Counters | null, begin: Reading) {
    this.#bench = bench;
    this.#counters = counters;
    this.#begin = begin;
  }

  /** Begins now. */
  static async begin(bench: Bench, counters: Counters | null): Promise<Meter> {
    const usage = await readUsage(bench);
    return new Meter(bench, counters, { ...read(counters), usage });
  }

  /** Milliseconds since it began. */
  get ms(): number {
    return performance.now() - this.#begin.at;
  }

  /** Ends the stretch: what `units` things of this kind (`run`, `start`) took. */
  async end(units: number, unit: string): Promise<Metric[]> {
    const begin = this.#begin;
    const own = read(this.#counters);
    const usage = await readUsage(this.#bench);
    const rate = { name: `${unit}s/s`, value: (units * 1_000) / (own.at - begin.at) };
    const timed = this.#counters === null ? [rate] : [];
    if (usage !== null) {
      const isTold = (name: string) => begin.usage?.[name] !== undefined && name.includes("CPU") === (this.#counters === null);
      const names = Object.keys(usage).filter((name) => isTold(name) && name !== "wake-ups");
      return [...timed, ...names.map((name) => ({ name: `${name}/${unit}`, value: (usage[name]! - begin.usage![name]!) / units }))];
    }
    if (this.#counters === null) return [...timed, { name: `CPU us/${unit}`, value: (own.cpuUs - begin.cpuUs) / units }];
    return [
      { name: `statements/${unit}`, value: (own.statements - begin.statements) / units },
      { name: `commits/${unit}`, value: (own.commits - begin.commits) / units },
      { name: `written bytes/${unit}`, value: ((own.blocks - begin.blocks) * blockBytes) / units },
    ];
  }
}

function read(counters: Counters | null): Omit<Reading, "usage"> {
  const { userCPUTime, systemCPUTime, fsWrite } = process.resourceUsage();
  return {
    at: performance.now(),
    cpuUs: userCPUTime + systemCPUTime,
    blocks: fsWrite,
    statements: counters?.driver.statements ?? 0,
    commits: counters?.driver.commits ?? 0,
  };
}

async function readUsage(bench: Bench): Promise<Usage | null> {
  return bench.usage ? bench.usage() : null;
}
