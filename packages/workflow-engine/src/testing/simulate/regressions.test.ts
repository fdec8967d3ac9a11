// Histories that once broke a promise, as the simulation told them. Each bug has a test of its own beside the rule or store it was in; here
// is what it looked like from outside.
import { describe, expect, it } from "vitest";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import { simulate } from "./simulate.ts";
import type { StoreName } from "./simulated-store.ts";

interface Regression {
  what: string;
  entry: string;
  seed: number;
  history: string;
  store?: StoreName;
}

const regressions: readonly Regression[] = [
  {
    what: "P17: a budget raised between a call's refusal and the commit that holds its stage was heard by nobody, and the stage held for ever",
    ...{ entry: "budget", seed: 1, history: "" },
  },
  {
    what: "P23: a stage's budget that was raised before its first call was not raised",
    ...{ entry: "budget", seed: 7, history: "" },
  },
  {
    what: "P23: on SQL a refused first call took its stage's budget back with it, so that raising it changed nothing",
    ...{ entry: "budget", seed: 1, history: "calm", store: "sqlite" },
  },
];

describe("histories that once broke a promise", () => {
  it.each(regressions)("$what", async ({ entry, ...replayed }) => {
    const found = corpus.find(({ name }) => name === entry)!;
    const report = await simulate((code) => found.workflow(code), simulationOf(found, { maxMs: 3_600_000, ...replayed }));
    expect(report.histories).toBe(1);
  });
});
