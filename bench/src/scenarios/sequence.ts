// Long runs: a stage of a run of 200 should cost what a stage of a run of 3 costs.
import { setTimeout as pause } from "node:timers/promises";
import type { Shape } from "../engines/engine.ts";
import { threeStages } from "../engines/engine.ts";
import { median } from "../measure/metric.ts";
import { type Context, isForWorkflows, type Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

const longRun: Shape = { kind: "sequence", stages: 200 };
const inFlight = 10;
const runsAlone = 5;
/** What the disk still has to do after a load would slow a run alone. Milliseconds. */
const calmMs = 500;

/** The same number of stages in short runs and in long ones. */
export const sequence: Scenario = {
  name: "sequence",
  about: `cost of a stage in runs of 200 sequential stages and in runs of 3: ${inFlight} runs at a time, and the median of ${runsAlone} runs alone`,
  repetitions: 3,
  counting: "never",
  isWaiting: false,
  isFor: isForWorkflows,
  endsAllRuns: true,
  shapes: () => [threeStages, longRun],
  async measure(context) {
    await context.bench.work();
    const runsOf = ({ stages }: Shape) => Math.ceil(context.size(10_000, inFlight * stages) / stages);
    let ended = 0;
    const cost = (shape: Shape, runs: number): Promise<number> => stageUs(context, shape, runs, (ended += runs));
    const costAlone = async (shape: Shape): Promise<number> => {
      await pause(calmMs);
      const costs: number[] = [];
      for (let run = 0; run < runsAlone; run++) costs.push(await cost(shape, 1));
      return median(costs);
    };
    await cost(threeStages, runsOf(threeStages)); // the first runs compile the code
    return [
      { name: "us/stage, of 3", value: await cost(threeStages, runsOf(threeStages)) },
      { name: "us/stage, of 200", value: await cost(longRun, runsOf(longRun)) },
      { name: "us/stage, of 3, alone", value: await costAlone(threeStages) },
      { name: "us/stage, of 200, alone", value: await costAlone(longRun) },
    ];
  },
};

async function stageUs({ bench }: Context, shape: Shape, runs: number, endedThen: number): Promise<number> {
  const startedAt = performance.now();
  await startMany(bench, shape, runs, inFlight);
  await bench.ended(endedThen);
  return ((performance.now() - startedAt) * 1_000) / (runs * shape.stages);
}
