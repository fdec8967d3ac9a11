// What a scenario is: shapes of runs, and what is done and measured with them on one opened engine. It runs in a process of its own.
import type { Bench, Engine, Shape } from "../engines/engine.ts";
import type { Counters } from "../measure/counters.ts";
import type { Metric } from "../measure/metric.ts";

/** How much to measure: `test` only shows that everything runs, `prove` is for figures that are published. */
export type Effort = "test" | "quick" | "default" | "prove";

/** What a scenario measures with. */
export interface Context {
  engine: Engine;
  bench: Bench;
  effort: Effort;
  /** Null in repetitions that are timed, since counting costs time. */
  counters: Counters | null;
  /** Scales a count to the effort and, by its `share`, to the engine. */
  size(count: number, minimum?: number): number;
  /** Scales a count to the effort alone: the same for every engine. */
  sizeForAll(count: number): number;
}

/** A scenario. */
export interface Scenario {
  name: string;
  /** What is measured, as the results page says it. */
  about: string;
  /** Repetitions at default effort; the median is reported. */
  repetitions: number;
  /** Whether driver calls and timers are counted: never, always, or in one repetition more of which nothing is timed. */
  counting: "never" | "always" | "extra";
  /** True when it mostly waits, so that all engines are measured at the same time. */
  isWaiting: boolean;
  /** Whether an engine can be measured; every one can when absent. */
  isFor?(engine: Engine): boolean;
  /** True when every started run has to be COMPLETED in the end. */
  endsAllRuns: boolean;
  shapes(effort: Effort): readonly Shape[];
  measure(context: Context): Promise<Metric[]>;
}

/** Engines that keep runs of stages, not bare jobs. */
export function isForWorkflows({ kind }: Engine): boolean {
  return kind === "workflows";
}
