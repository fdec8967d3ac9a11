// One measurement: one scenario on one engine, once, in a fresh folder.
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Bench, Engine } from "./engines/engine.ts";
import { findEngine } from "./engines/engines.ts";
import { installCounters } from "./measure/counters.ts";
import type { Metric } from "./measure/metric.ts";
import type { Effort, Scenario } from "./scenarios/scenario.ts";
import { scenarios } from "./scenarios/scenarios.ts";

/** What to measure; travels to the measuring process as JSON. */
export interface Job {
  scenario: string;
  engine: string;
  store: string;
  effort: Effort;
  isCounting: boolean;
}

const shares: Record<Effort, number> = { test: 0.002, quick: 0.2, default: 1, prove: 2 };

/** Measures in this process; throws when a started run did not complete. */
export async function measure(job: Job): Promise<Metric[]> {
  const scenario = scenarios.find(({ name }) => name === job.scenario);
  const engine = findEngine(job.engine, job.store);
  if (!scenario || !engine) throw new Error(`Nothing to measure: ${JSON.stringify(job)}`);
  const counters = job.isCounting ? installCounters() : null;
  const folder = mkdtempSync(path.join(os.tmpdir(), "bench-"));
  try {
    const bench = countStarts(await engine.open({ folder, shapes: scenario.shapes(job.effort), isCounting: job.isCounting }));
    const metrics = await scenario.measure({
      engine,
      bench,
      effort: job.effort,
      counters,
      size: (count, minimum = 1) => Math.max(minimum, Math.round(count * shares[job.effort] * engine.share)),
      sizeForAll: (count) => Math.max(1, Math.round(count * shares[job.effort])),
    });
    await assertCompleted(bench, scenario, engine);
    await bench.close();
    return metrics;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function countStarts(bench: Bench): Bench & { started: number } {
  const counting = {
    ...bind(bench),
    started: 0,
    start: (shape: Parameters<Bench["start"]>[0]): Promise<void> => {
      counting.started++;
      return bench.start(shape);
    },
  };
  return counting;
}

/** The methods of an object, of a class's too, so that they can be spread. */
function bind(bench: Bench): Bench {
  return {
    start: (shape) => bench.start(shape),
    work: () => bench.work(),
    ended: (total) => bench.ended(total),
    countCompleted: () => bench.countCompleted(),
    close: () => bench.close(),
    ...(bench.hire && { hire: bench.hire.bind(bench) }),
    ...(bench.halt && { halt: bench.halt.bind(bench) }),
    ...(bench.goOn && { goOn: bench.goOn.bind(bench) }),
    ...(bench.dismiss && { dismiss: bench.dismiss.bind(bench) }),
    ...(bench.usage && { usage: bench.usage.bind(bench) }),
    ...(bench.restart && { restart: bench.restart.bind(bench) }),
  };
}

async function assertCompleted(bench: Bench & { started: number }, scenario: Scenario, engine: Engine): Promise<void> {
  const expected = scenario.endsAllRuns ? bench.started : 0;
  const completed = await bench.countCompleted();
  if (completed === expected) return;
  throw new Error(`${engine.name} on ${engine.store}, ${scenario.name}: ${completed} runs are COMPLETED instead of ${expected}`);
}
