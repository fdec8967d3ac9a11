// Starts and work at the same time: small batches on both sides.

import { threeStages } from "../engines/engine.ts";
import { Meter } from "../measure/meter.ts";
import type { Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

/** Three-stage runs started, 32 in flight, while the worker runs. */
export const live: Scenario = {
  name: "live",
  about: "three-stage runs started, 32 starts in flight, while the worker works",
  repetitions: 3,
  counting: "extra",
  isWaiting: false,
  endsAllRuns: true,
  shapes: () => [threeStages],
  async measure({ bench, counters, size }) {
    const runs = size(5_000);
    await bench.work();
    const meter = await Meter.begin(bench, counters);
    await startMany(bench, threeStages, runs, 32);
    await bench.ended(runs);
    return await meter.end(runs, "run");
  },
};
