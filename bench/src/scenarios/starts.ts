// What a caller pays to start a run: one after another (a commit each) and with others in flight (they share one).

import { threeStages } from "../engines/engine.ts";
import type { Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

/** Starts without a worker. */
export const starts: Scenario = {
  name: "starts",
  about: "durable starts without a worker: one after another, 32 and 1,000 in flight",
  repetitions: 3,
  counting: "never",
  isWaiting: false,
  endsAllRuns: false,
  shapes: () => [threeStages],
  async measure({ bench, size }) {
    const rate = async (count: number, inFlight: number, how: string) => {
      const startedAt = performance.now();
      await startMany(bench, threeStages, count, inFlight);
      return { name: `starts/s, ${how}`, value: (count * 1_000) / (performance.now() - startedAt) };
    };
    await startMany(bench, threeStages, size(500), 32);
    return [
      await rate(size(1_000), 1, "one by one"),
      await rate(size(5_000), 32, "32 in flight"),
      await rate(size(20_000), 1_000, "1,000 in flight"),
    ];
  },
};
