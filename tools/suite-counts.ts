// How many tests passed, how many cases of the suites each store passed, and why it skipped any, out of the report of a test run.

import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Figure } from "./figures.ts";

/** Of the JSON report of a test run: what is read of it. */
interface Report {
  testResults: Array<{ name: string; assertionResults: Array<{ ancestorTitles: string[]; title: string; status: string }> }>;
}

/** Counts all tests of a report by how they ended; none when there is no report. */
export function countTests(report: string): { passed: number; failed: number; skipped: number } {
  const tests = readReport(report).flatMap(({ assertionResults }) => assertionResults);
  const passed = tests.filter(({ status }) => status === "passed").length;
  const failed = tests.filter(({ status }) => status === "failed").length;
  return { passed, failed, skipped: tests.length - passed - failed };
}

function readReport(file: string): Report["testResults"] {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Report).testResults : [];
}

/** Counts the cases of the files called `suites.*.test.ts`, by what they are bound to: everything above the suite's own name. */
export function countSuites(report: string, suffix = ""): Figure[] {
  const cases = readReport(report)
    .filter(({ name }) => path.basename(name).startsWith("suites."))
    .flatMap(({ assertionResults }) => assertionResults.map((each) => ({ ...each, store: each.ancestorTitles.slice(0, -1).join(", ") })))
    .filter(({ store }) => store !== "");
  return [...Map.groupBy(cases, ({ store }) => store)].flatMap(([store, ofStore]) => {
    const passed = ofStore.filter(({ status }) => status === "passed").length;
    const skipped = ofStore.filter(({ status }) => status !== "passed" && status !== "failed");
    if (passed === 0) return []; // bound only where everything is proved, or elsewhere
    const reasons = Map.groupBy(skipped, ({ title }) => /\(skipped: (.*)\)$/.exec(title)?.[1] ?? "no reason given");
    const figure = { promise: "Suites", store: `${store}${suffix}` };
    return [
      { ...figure, claim: "cases passed", figure: passed },
      ...[...reasons].map(([reason, of]) => ({ ...figure, claim: `cases skipped: ${reason}`, figure: of.length })),
    ];
  });
}
