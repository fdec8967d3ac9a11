// Do workers stand in each other's way? The same full queue for one worker and for four, all of them processes that have just begun.
import { type Bench, threeStages } from "../engines/engine.ts";
import type { Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

/** One worker process beside four. */
export const workers: Scenario = {
  name: "workers",
  about: "three-stage runs, all started first, then drained by one new worker process; then as many by four new ones",
  repetitions: 3,
  counting: "never",
  isWaiting: false,
  isFor: ({ hasProcesses }) => hasProcesses,
  endsAllRuns: true,
  shapes: () => [threeStages],
  async measure({ bench, size }) {
    const runs = size(20_000);
    const one = await rate(bench, 1, runs, runs);
    await bench.dismiss?.();
    const four = await rate(bench, 4, runs, 2 * runs);
    return [
      { name: "runs/s, 1 worker", value: one },
      { name: "runs/s, 4 workers", value: four },
      { name: "4 workers / 1", value: four / one },
    ];
  },
};

async function rate(bench: Bench, count: number, runs: number, endedThen: number): Promise<number> {
  await startMany(bench, threeStages, runs, 1_000);
  await bench.hire?.(count);
  const startedAt = performance.now();
  await bench.work();
  await bench.ended(endedThen);
  return (runs * 1_000) / (performance.now() - startedAt);
}
