// The command line of the benchmark.
import { parseArgs } from "node:util";
import type { Engine } from "./engines/engine.ts";
import { engines } from "./engines/engines.ts";
import type { Effort, Scenario } from "./scenarios/scenario.ts";
import { scenarios } from "./scenarios/scenarios.ts";

/** How to call it. */
export const usage = `node bench/src/main.ts [--engine name]... [--scenario name]... [--store sqlite|memory|postgres] [--repetitions n]
  [--quick | --prove] [--json] [--out file]
engines: ${[...new Set(engines.map(({ name }) => name))].join(", ")}; scenarios: ${scenarios.map(({ name }) => name).join(", ")}`;

/** What was asked for. */
export interface Options {
  engines: readonly Engine[];
  scenarios: readonly Scenario[];
  effort: Effort;
  /** Replaces every scenario's own. */
  repetitions: number | undefined;
  isJson: boolean;
  /** Where the page is written as well. */
  out: string | undefined;
  isHelp: boolean;
}

/** Reads the arguments; throws on any that names nothing. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      engine: { type: "string", multiple: true },
      scenario: { type: "string", multiple: true },
      store: { type: "string" },
      repetitions: { type: "string" },
      quick: { type: "boolean", default: false },
      prove: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const { store } = values;
  const ofStore = engines.filter((engine) => store === undefined || engine.store === store);
  return {
    engines: named(ofStore, values.engine, "engine"),
    scenarios: named(scenarios, values.scenario, "scenario"),
    effort: values.prove ? "prove" : values.quick ? "quick" : "default",
    repetitions: values.repetitions === undefined ? undefined : positive(values.repetitions),
    isJson: values.json,
    out: values.out,
    isHelp: values.help,
  };
}

function named<T extends { name: string }>(all: readonly T[], names: readonly string[] | undefined, what: string): readonly T[] {
  for (const name of names ?? []) {
    if (!all.some((one) => one.name === name)) throw new Error(`There is no ${what} "${name}" here. Usage:\n${usage}`);
  }
  const found = all.filter(({ name }) => names === undefined || names.includes(name));
  if (found.length === 0) throw new Error(`No ${what} is left to measure. Usage:\n${usage}`);
  return found;
}

function positive(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--repetitions takes a whole number from 1 on, got "${text}"`);
  return count;
}
