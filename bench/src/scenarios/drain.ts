// A full queue and one worker: how many runs a second, at what CPU, statements, commits and bytes a run.

import { type Bench, threeStages } from "../engines/engine.ts";
import { Meter } from "../measure/meter.ts";
import { type Metric, median } from "../measure/metric.ts";
import type { Context, Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

/** A half that ended sooner ended in the commit of the first: there is no rate to tell. */
const shortestMs = 5;
/** How often the same worker drains as many again. */
const timesAgain = { test: 1, quick: 1, default: 3, prove: 3 } as const;

/** Three-stage runs, all started before the worker. */
export const drain: Scenario = createDrain("drain", "three-stage runs, all started first, then drained by one worker", (context) =>
  context.size(20_000),
);

/** The same for so few runs that every engine can have them. */
export const drainFew: Scenario = createDrain("drain-2000", "the same with 2,000 runs, slow engines too", (context) =>
  context.sizeForAll(2_000),
);

/** Times the same worker with as many runs again, once its code is compiled; nothing where the worker is the measuring process. */
async function drainAgain(bench: Bench, runs: number, times: number): Promise<Metric[]> {
  if (!bench.halt || !bench.goOn) return [];
  const rates: number[] = [];
  for (let total = 2 * runs; rates.length < times; total += runs) {
    await bench.halt();
    await startMany(bench, threeStages, runs, 1_000);
    const begunAt = performance.now();
    bench.goOn();
    await bench.ended(total);
    rates.push((runs * 1_000) / (performance.now() - begunAt));
  }
  return [{ name: "runs/s, again", value: median(rates) }];
}

function createDrain(name: string, about: string, countRuns: (context: Context) => number): Scenario {
  return {
    name,
    about,
    repetitions: 3,
    counting: "extra",
    isWaiting: false,
    endsAllRuns: true,
    shapes: () => [threeStages],
    async measure(context) {
      const { bench, counters, effort } = context;
      const runs = countRuns(context);
      await startMany(bench, threeStages, runs, 1_000);
      await bench.hire?.(1);
      const meter = await Meter.begin(bench, counters);
      await bench.work();
      const half = Math.floor(runs / 2);
      await bench.ended(half);
      const halfMs = meter.ms;
      await bench.ended(runs);
      const secondMs = meter.ms - halfMs;
      const warm = { name: "runs/s, second half", value: ((runs - half) * 1_000) / secondMs };
      const first = await meter.end(runs, "run");
      if (counters) return first;
      return [...first, ...(secondMs < shortestMs ? [] : [warm]), ...(await drainAgain(bench, runs, timesAgain[effort]))];
    },
  };
}
