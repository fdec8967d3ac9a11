// What a host that has nothing to do costs: timers that wake the process, statements, CPU.
import { setTimeout as pause } from "node:timers/promises";
import { type Effort, type Scenario, threeStages } from "./scenario.ts";

const settleMs: Record<Effort, number> = { test: 10, quick: 1_000, default: 2_000, prove: 10_000 };
const watchMs: Record<Effort, number> = { test: 20, quick: 10_000, default: 20_000, prove: 120_000 };

/** A host that has worked and has nothing left. */
export const idle: Scenario = {
  name: "idle",
  about: "a host that has ended its only run, watched for 20 s: timers fired, statements and CPU, a minute",
  repetitions: 1,
  counting: "always",
  isWaiting: true,
  endsAllRuns: true,
  shapes: () => [threeStages],
  async measure({ bench, counters, effort }) {
    if (!counters) throw new Error("idle: nothing is counted");
    const { driver, timers } = counters;
    await bench.work();
    await bench.start(threeStages);
    await bench.ended(1);
    await pause(settleMs[effort]);
    const before = { statements: driver.statements, wakeUps: timers.wakeUps, cpu: process.cpuUsage(), at: performance.now() };
    await pause(watchMs[effort]);
    const cpu = process.cpuUsage(before.cpu);
    const minutes = (performance.now() - before.at) / 60_000;
    return [
      { name: "wake-ups/min", value: (timers.wakeUps - before.wakeUps) / minutes },
      { name: "statements/min", value: (driver.statements - before.statements) / minutes },
      { name: "CPU ms/min", value: (cpu.user + cpu.system) / 1_000 / minutes },
    ];
  },
};
