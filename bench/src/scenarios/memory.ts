// Does a long-lived process grow, and does it slow down? Starts and works in one process, a tenth at a time.

import { threeStages } from "../engines/engine.ts";
import type { Metric } from "../measure/metric.ts";
import type { Effort, Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

const runsIn: Record<Effort, number> = { test: 20_000, quick: 20_000, default: 20_000, prove: 200_000 };
const tenths = 10;
const mebibyte = 2 ** 20;

/** Many runs through one process. */
export const memory: Scenario = {
  name: "memory",
  about: "20,000 runs (200,000 with --prove) started and worked in one process: the first tenth beside the last",
  repetitions: 1,
  counting: "never",
  isWaiting: false,
  isFor: ({ hasProcesses }) => !hasProcesses,
  endsAllRuns: true,
  shapes: () => [threeStages],
  async measure({ bench, effort, size }) {
    const tenth = Math.max(1, Math.floor(size(runsIn[effort], tenths) / tenths));
    const samples: Array<{ rate: number; rss: number; heap: number }> = [];
    await bench.work();
    for (let index = 1; index <= tenths; index++) {
      const startedAt = performance.now();
      await startMany(bench, threeStages, tenth, 1_000);
      await bench.ended(tenth * index);
      const rate = (tenth * 1_000) / (performance.now() - startedAt);
      globalThis.gc?.(); // else the heap's size is the collector's mood
      const { rss, heapUsed } = process.memoryUsage();
      samples.push({ rate, rss: rss / mebibyte, heap: heapUsed / mebibyte });
    }
    return [...figures("first", samples[0]), ...figures("last", samples.at(-1))];
  },
};

function figures(which: string, sample: { rate: number; rss: number; heap: number } | undefined): Metric[] {
  if (!sample) return [];
  return [
    { name: `runs/s, ${which} tenth`, value: sample.rate },
    { name: `RSS MiB, ${which} tenth`, value: sample.rss },
    { name: `heap MiB, ${which} tenth`, value: sample.heap },
  ];
}
