// The results as one markdown table a person can read: a row a metric, a column an engine, each with its ratio to ours.
import type { Engine } from "../engines/engine.ts";
import type { Scenario } from "../scenarios/scenario.ts";
import type { Result } from "./results.ts";

/** Renders all results; ratios are to the first engine. */
export function renderTable(results: readonly Result[], engines: readonly Engine[], scenarios: readonly Scenario[]): string {
  const header = ["scenario", "metric", ...engines.map(({ name, store }) => `${name} (${store})`)];
  const lines = [header, header.map(() => "---")];
  for (const scenario of scenarios) {
    const isShown = ({ engine, store }: Result) => engines.some((one) => one.name === engine && one.store === store);
    const own = results.filter((result) => result.scenario === scenario.name && isShown(result));
    for (const metric of new Set(own.map((result) => result.metric))) {
      const values = engines.map(
        ({ name, store }) => own.find((result) => result.engine === name && result.store === store && result.metric === metric)?.value,
      );
      lines.push([scenario.name, metric, ...values.map((value, index) => renderCell(value, index === 0 ? undefined : values[0]))]);
    }
  }
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function renderCell(value: number | undefined, reference: number | undefined): string {
  if (value === undefined) return "";
  const ratio = reference === undefined || reference === 0 ? "" : ` (${renderNumber(value / reference)}x)`;
  return `${renderNumber(value)}${ratio}`;
}

/** Three significant digits, more only before the point; thousands apart. */
export function renderNumber(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { maximumFractionDigits: Math.min(digits, 4) });
}
