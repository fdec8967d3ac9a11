// Every crash simulated: thousands of histories of workflows of every kind keep every promise, on one store a file, so that they run side
// by side. The full count runs in `npm run prove`. `mutants.test.ts` shows that the same histories find what is broken.
import { describe, expect, it } from "vitest";
import { recordFigure } from "../../../../../tools/figures.ts";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import { simulate } from "./simulate.ts";
import type { StoreName } from "./simulated-store.ts";

/** One test for each entry of the corpus; the histories are shared out among them. */
export function describeCorpus(store: StoreName, histories: { full: number; reduced: number }): void {
  const entries = corpus.filter(({ needsBudgets = false }) => !needsBudgets || store !== "storeOver");
  const seeds = Math.ceil(histories[process.env["PROOF"] === "full" ? "full" : "reduced"] / entries.length);

  describe(`simulated on ${store}`, () => {
    it.each(entries)(`every history of "$name" keeps every promise, ${seeds} seeds`, { timeout: 280_000 }, async (entry) => {
      const report = await simulate((code) => entry.workflow(code), simulationOf(entry, { seeds, store }));
      expect(report.histories).toBe(seeds);
      const claim = `histories of "${entry.name}" in which every promise was kept, with ${report.faults} faults in them`;
      recordFigure({ promise: "Simulation", claim, figure: report.histories, store });
    });
  });
}
