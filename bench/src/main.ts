// `npm run bench`: measures every engine in every scenario, repetitions interleaved so that a slow minute of the machine hits all
// of them, and prints one table of ratios (or, with --json, one line a value).
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Job } from "./job.ts";
import { type Options, readOptions, usage } from "./options.ts";
import { renderPage } from "./report/page.ts";
import { summarise } from "./report/results.ts";
import { type JobResult, runJob } from "./run-job.ts";
import type { Scenario } from "./scenarios/scenario.ts";

/** Lists the jobs in the order they are run; those of one step are run at the same time. */
export function planJobs(options: Options): Job[][] {
  const { engines, effort } = options;
  const jobsOf = ({ name, isFor }: Scenario, isCounting: boolean): Job[] => {
    const chosen = engines.filter((engine) => isFor?.(engine) ?? true);
    return chosen.map((engine) => ({ scenario: name, engine: engine.name, store: engine.store, effort, isCounting }));
  };
  const steps: Job[][] = [];
  const repetitionsOf = ({ repetitions }: Scenario) => options.repetitions ?? (effort === "quick" ? 1 : repetitions);
  const most = Math.max(...options.scenarios.map(repetitionsOf));
  for (let repetition = 0; repetition < most; repetition++) {
    for (const scenario of options.scenarios) {
      if (repetition >= repetitionsOf(scenario)) continue;
      const jobs = jobsOf(scenario, scenario.counting === "always");
      steps.push(...(scenario.isWaiting ? [jobs] : jobs.map((job) => [job])));
    }
  }
  const counted = options.scenarios.filter(({ counting }) => counting === "extra");
  return [...steps, ...counted.flatMap((scenario) => jobsOf(scenario, true).map((job) => [job]))];
}

async function run(options: Options): Promise<number> {
  const startedAt = performance.now();
  if (options.out !== undefined) mkdirSync(path.dirname(options.out), { recursive: true }); // now, not when the figures are there
  const steps = planJobs(options);
  const measured: JobResult[] = [];
  for (const [index, jobs] of steps.entries()) {
    const what = jobs.map(({ engine, store }) => `${engine}/${store}`).join(", ");
    console.error(`${index + 1}/${steps.length} ${jobs[0]?.scenario}${jobs[0]?.isCounting ? ", counted" : ""}: ${what}`);
    for (const done of await Promise.all(jobs.map(runJob))) {
      if ("problem" in done) console.error(done.problem);
      measured.push(done);
    }
  }
  const page = renderPage({ date: new Date().toISOString().slice(0, 10), ...options, measured });
  if (options.out !== undefined) writeFileSync(options.out, page);
  if (options.isJson) for (const result of summarise(measured)) console.log(JSON.stringify(result));
  else console.log(page);
  console.error(`measured in ${Math.round((performance.now() - startedAt) / 1_000)} s`);
  return measured.some((done) => "problem" in done) ? 1 : 0;
}

async function start(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2));
    if (!options.isHelp) return await run(options);
    console.log(usage);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
}

if (import.meta.main) process.exitCode = await start();
