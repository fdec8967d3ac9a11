// Measures a stretch of work: its rate and CPU when it is timed, its driver calls and written bytes when it is counted.
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
}

/** A stretch of work under way. */
export class Meter {
  readonly #counters: Counters | null;
  readonly #begin: Reading;

  constructor(counters: Counters | null) {
    this.#counters = counters;
    this.#begin = this.#read();
  }

  /** Milliseconds since it began. */
  get ms(): number {
    return performance.now() - this.#begin.at;
  }

  /** Ends the stretch: what `units` things of this kind (`run`, `start`) took. */
  end(units: number, unit: string): Metric[] {
    const { at, cpuUs, blocks, statements, commits } = this.#begin;
    const end = this.#read();
    if (this.#counters === null) {
      return [
        { name: `${unit}s/s`, value: (units * 1_000) / (end.at - at) },
        { name: `CPU us/${unit}`, value: (end.cpuUs - cpuUs) / units },
      ];
    }
    return [
      { name: `statements/${unit}`, value: (end.statements - statements) / units },
      { name: `commits/${unit}`, value: (end.commits - commits) / units },
      { name: `written bytes/${unit}`, value: ((end.blocks - blocks) * blockBytes) / units },
    ];
  }

  #read(): Reading {
    const { userCPUTime, systemCPUTime, fsWrite } = process.resourceUsage();
    return {
      at: performance.now(),
      cpuUs: userCPUTime + systemCPUTime,
      blocks: fsWrite,
      statements: this.#counters?.driver.statements ?? 0,
      commits: this.#counters?.driver.commits ?? 0,
    };
  }
}
