// Every crash simulated: thousands of histories of workflows of every kind, on every store, keep every promise. The full count runs in
// `npm run prove`, 1,000 in `npm test`. `mutants.test.ts` shows that the same histories find what is broken.
import { describe, expect, it } from "vitest";
import { recordFigure } from "../../../../../tools/figures.ts";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import { simulate } from "./simulate.ts";
import type { StoreName } from "./simulated-store.ts";

const isFull = process.env["PROOF"] === "full";
const histories: Readonly<Record<StoreName, number>> = isFull
  ? { memory: 20_000, sqlite: 1_000, storeOver: 2_000, functions: 3_000 }
  : { memory: 1_000, sqlite: 40, storeOver: 80, functions: 120 };

describe.each(Object.keys(histories) as StoreName[])("simulated on %s", (store) => {
  const seeds = Math.ceil(histories[store] / corpus.length);

  const entries = corpus.filter(({ needsBudgets = false }) => !needsBudgets || store !== "storeOver");

  it.each(entries)(`every history of "$name" keeps every promise, ${seeds} seeds`, { timeout: 280_000 }, async (entry) => {
    const report = await simulate((code) => entry.workflow(code), simulationOf(entry, { seeds, store }));
    expect(report.histories).toBe(seeds);
    const claim = `histories of "${entry.name}" in which every promise was kept, with ${report.faults} faults in them`;
    recordFigure({ promise: "Simulation", claim, figure: report.histories, store });
  });
});
