// Cases are counted by store, skips by reason; what is no suite is left out.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { countSuites, countTests } from "./suite-counts.ts";

it("counts passed cases by store, and skipped ones by reason", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "counts-"));
  const file = path.join(folder, "report.json");
  const result = (ancestorTitles: string[], title: string, status: string) => ({ ancestorTitles, title, status });
  const assertionResults = [
    result(["Store", "P1"], "P1: a", "passed"),
    result(["Store", "P1"], "P1: b (skipped: no table)", "skipped"),
    result(["Store", "P2"], "P2: c (skipped: no table)", "pending"),
    result(["Release", "small", "P2"], "P2: c", "passed"),
  ];
  const testResults = [
    { name: "/x/suites.store.test.ts", assertionResults },
    { name: "/x/other.test.ts", assertionResults },
  ];
  writeFileSync(file, JSON.stringify({ testResults }));
  const counted = countSuites(file, " on 14").map(({ store, claim, figure }) => [store, claim, figure]);
  expect(counted).toEqual([
    ["Store on 14", "cases passed", 1],
    ["Store on 14", "cases skipped: no table", 2],
    ["Release, small on 14", "cases passed", 1],
  ]);
  expect(countTests(file)).toEqual({ passed: 4, failed: 0, skipped: 4 });
  expect(countSuites(path.join(folder, "none.json"))).toEqual([]);
  expect(countTests(path.join(folder, "none.json"))).toEqual({ passed: 0, failed: 0, skipped: 0 });
  rmSync(folder, { recursive: true, force: true });
});
