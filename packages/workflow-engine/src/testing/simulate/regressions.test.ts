// Histories that once broke a promise, as the simulation told them. Each bug has a test of its own beside the rule or store it was in; here
// is what it looked like from outside.
import { describe, expect, it } from "vitest";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import { simulate } from "./simulate.ts";

interface Regression {
  what: string;
  entry: string;
  seed: number;
  history: string;
}

const regressions: readonly Regression[] = [
  {
    what: "P17: a budget raised between a call's refusal and the commit that holds its stage was heard by nobody, and the stage held for ever",
    entry: "budget",
    seed: 1,
    history: "",
  },
];

describe("histories that once broke a promise", () => {
  it.each(regressions)("$what", async ({ entry, seed, history }) => {
    const found = corpus.find(({ name }) => name === entry)!;
    const replay = (options: { seed: number; history?: string }) =>
      simulate((code) => found.workflow(code), simulationOf(found, { maxMs: 3_600_000, ...options }));
    expect((await replay({ seed, history })).histories).toBe(1);
    expect((await replay({ seed })).histories).toBe(1);
  });
});
