// How long one run takes when nothing else is there: in an empty store, in one that has grown, and in that one when its server and the
// worker have crashed and are back.
import { setTimeout as pause } from "node:timers/promises";
import type { Bench } from "../engines/engine.ts";
import { threeStages } from "../engines/engine.ts";
import { type Metric, percentile } from "../measure/metric.ts";
import { isForWorkflows, type Scenario } from "./scenario.ts";
import { startMany } from "./start-many.ts";

/** Milliseconds between one run's end and the next one's start. */
const pauseMs = 5;

/** One three-stage run at a time on an idle worker. */
export const latency: Scenario = {
  name: "latency",
  about: `one three-stage run at a time, ${pauseMs} ms apart, from its start to this process knowing that it has ended`,
  repetitions: 3,
  counting: "never",
  isWaiting: false,
  isFor: isForWorkflows,
  endsAllRuns: true,
  shapes: () => [threeStages],
  async measure({ bench, effort, size }) {
    const samples = size(300, effort === "test" ? 3 : 40);
    const grown = size(20_000);
    await bench.work();
    const warm = Math.ceil(samples / 10);
    await sample(bench, 0, warm); // the first runs compile the code
    const empty = await sample(bench, warm, samples);
    await startMany(bench, threeStages, grown, 1_000);
    await bench.ended(warm + samples + grown);
    const full = await sample(bench, warm + samples + grown, samples);
    const metrics = [...summarise("", empty), ...summarise(" after 20,000 runs", full)];
    if (!bench.restart) return metrics;
    await bench.restart();
    const ended = warm + 2 * samples + grown;
    await sample(bench, ended, warm);
    return [...metrics, ...summarise(" after a restart", await sample(bench, ended + warm, samples))];
  },
};

async function sample(bench: Bench, endedBefore: number, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 1; index <= count; index++) {
    const startedAt = performance.now();
    await bench.start(threeStages);
    await bench.ended(endedBefore + index);
    times.push(performance.now() - startedAt);
    await pause(pauseMs);
  }
  return times;
}

function summarise(when: string, times: readonly number[]): Metric[] {
  return [
    { name: `p50 ms${when}`, value: percentile(times, 0.5) },
    { name: `p99 ms${when}`, value: percentile(times, 0.99) },
  ];
}
