// A results page: when, where and with what it was measured, then the table, then what went wrong.
import os from "node:os";
import type { Engine } from "../engines/engine.ts";
import type { JobResult } from "../run-job.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import { summarise } from "./results.ts";
import { renderTable } from "./table.ts";

/** What a page is made of. */
export interface Page {
  date: string;
  effort: string;
  measured: readonly JobResult[];
  engines: readonly Engine[];
  scenarios: readonly Scenario[];
}

/** Renders a page. */
export function renderPage({ date, effort, measured, engines, scenarios }: Page): string {
  const problems = measured.flatMap((done) => ("problem" in done ? [`- ${JSON.stringify(done.job)}: ${done.problem}`] : []));
  return [
    "# Results\n",
    "Written by `npm run bench`; what each scenario measures and leaves out is in bench/README.md.\n",
    `- date: ${date}, effort: ${effort}; each value is the median of its repetitions, each in a process of its own`,
    `- machine: ${describeMachine()}`,
    `- node ${process.versions.node}, SQLite ${process.versions["sqlite"] ?? "none"}`,
    ...engines.map(({ name, store, version, settings, share }) => `- ${name} ${version} (${store}): ${settings}${describeShare(share)}`),
    "\nIn brackets: the value divided by that of the first column.",
    ...[engines.filter(({ hasProcesses }) => !hasProcesses), engines.filter(({ hasProcesses }) => hasProcesses)]
      .filter((group) => group.length > 0)
      .flatMap((group) => ["", renderTable(summarise(measured), group, scenarios)]),
    "",
    ...scenarios.map(({ name, about }) => `- **${name}**: ${about}`),
    ...(problems.length > 0 ? ["\n## Failed\n", ...problems] : []),
    "",
  ].join("\n");
}

function describeShare(share: number): string {
  return share === 1 ? "" : `; measured with ${share * 100} % of the counts`;
}

function describeMachine(): string {
  const model = os.cpus()[0]?.model.trim() ?? "unknown";
  const gibibytes = Math.round(os.totalmem() / 2 ** 30);
  return `${os.availableParallelism()} cores (${model}), ${gibibytes} GiB, ${os.platform()} ${os.arch()}, load ${os.loadavg()[0]?.toFixed(1)}`;
}
