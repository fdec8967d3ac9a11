// What a host that has nothing to do costs: timers that wake the process, statements, CPU.
import { setTimeout as pause } from "node:timers/promises";
import type { Bench, Usage } from "../engines/engine.ts";
import { threeStages } from "../engines/engine.ts";
import type { Counters } from "../measure/counters.ts";
import { type Effort, isForWorkflows, type Scenario } from "./scenario.ts";

const settleMs: Record<Effort, number> = { test: 10, quick: 1_000, default: 2_000, prove: 10_000 };
const names = ["wake-ups", "statements", "CPU ms", "worker CPU ms"];
const watchMs: Record<Effort, number> = { test: 20, quick: 10_000, default: 20_000, prove: 120_000 };

/** A host that has worked and has nothing left. */
export const idle: Scenario = {
  name: "idle",
  about: "a host that has ended its only run, watched for 20 s: timers fired, statements and CPU, a minute",
  repetitions: 1,
  counting: "always",
  isWaiting: true,
  isFor: isForWorkflows,
  endsAllRuns: true,
  shapes: () => [threeStages],
  async measure({ bench, counters, effort }) {
    if (!counters) throw new Error("idle: nothing is counted");
    await bench.work();
    await bench.start(threeStages);
    await bench.ended(1);
    await pause(settleMs[effort]);
    const startedAt = performance.now();
    const before = await read(bench, counters);
    await pause(watchMs[effort]);
    const after = await read(bench, counters);
    const minutes = (performance.now() - startedAt) / 60_000;
    return names.flatMap((name) => {
      const [begin, end] = [before[name], after[name]];
      return begin === undefined || end === undefined ? [] : [{ name: `${name}/min`, value: (end - begin) / minutes }];
    });
  },
};

async function read(bench: Bench, { driver, timers }: Counters): Promise<Usage> {
  const used = await bench.usage?.();
  if (used) return { ...used, "worker CPU ms": used["worker CPU us"]! / 1_000 };
  const { user, system } = process.cpuUsage();
  return { "wake-ups": timers.wakeUps, statements: driver.statements, "CPU ms": (user + system) / 1_000 };
}
