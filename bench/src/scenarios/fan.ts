// Many stages of one run at once: does the time grow with their number only?
import type { Shape } from "../engines/engine.ts";
import { type Metric, median } from "../measure/metric.ts";
import { type Effort, isForWorkflows, type Scenario } from "./scenario.ts";

const warmRuns = 5;
const widths: Record<Effort, readonly number[]> = {
  test: [5, 10],
  quick: [250, 1_000],
  default: [250, 500, 1_000, 2_000],
  prove: [250, 500, 1_000, 2_000],
};

/** One run of many siblings on an idle worker. */
export const fan: Scenario = {
  name: "fan",
  about: `one run of n parallel stages on an idle worker, start to end: the first of its width, and the median of ${warmRuns} more`,
  repetitions: 3,
  counting: "never",
  isWaiting: false,
  isFor: isForWorkflows,
  endsAllRuns: true,
  shapes: (effort) => widths[effort].map(toShape),
  async measure({ bench, engine, effort }) {
    const metrics: Metric[] = [];
    let ended = 0;
    const time = async (shape: Shape): Promise<number> => {
      const startedAt = performance.now();
      await bench.start(shape);
      await bench.ended(++ended);
      return performance.now() - startedAt;
    };
    await bench.work();
    for (const shape of widths[effort].map(toShape)) {
      if (shape.stages > (engine.maxStages ?? Number.POSITIVE_INFINITY)) continue;
      metrics.push({ name: `ms, ${shape.stages} first`, value: await time(shape) });
      const times: number[] = [];
      for (let run = 0; run < warmRuns; run++) times.push(await time(shape));
      metrics.push({ name: `ms, ${shape.stages} warm`, value: median(times) });
    }
    return metrics;
  },
};

function toShape(stages: number): Shape {
  return { kind: "fan", stages };
}
