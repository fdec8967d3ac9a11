// Gathers what repetitions measured into one median per scenario, engine and metric.
import { median } from "../measure/metric.ts";
import type { JobResult } from "../run-job.ts";

/** One line of the results. */
export interface Result {
  scenario: string;
  engine: string;
  store: string;
  metric: string;
  /** Median of the repetitions. */
  value: number;
}

/** Medians, in the order in which scenarios, engines and metrics were first seen. Jobs that failed count for nothing. */
export function summarise(measured: readonly JobResult[]): Result[] {
  const groups = new Map<string, { result: Result; values: number[] }>();
  for (const done of measured) {
    if (!("metrics" in done)) continue;
    const { scenario, engine, store } = done.job;
    for (const { name, value } of done.metrics) {
      const key = JSON.stringify([scenario, engine, store, name]);
      const group = groups.get(key) ?? { result: { scenario, engine, store, metric: name, value }, values: [] };
      group.values.push(value);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ result, values }) => ({ ...result, value: median(values) }));
}
