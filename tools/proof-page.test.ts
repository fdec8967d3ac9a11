// Figures on their way from a test to the page, and the refusal of a line that is no figure.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { readFigures, recordFigure } from "./figures.ts";
import { renderProof } from "./proof-page.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "figures-"));
  file = path.join(folder, "figures.jsonl");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

it("collects what tests record while a proof runs, and nothing otherwise", () => {
  vi.stubEnv("PROOF_FIGURES", "");
  recordFigure({ promise: "P1", claim: "unheard", figure: 1 });
  vi.stubEnv("PROOF_FIGURES", file);
  expect(readFigures(file)).toEqual([]);
  const figures = [
    { promise: "P10", claim: "a | b", figure: 4.8, unit: "ms" },
    { promise: "P2", claim: "advanced once", figure: "300 of 300", store: "postgres" },
  ];
  for (const figure of figures) recordFigure(figure);
  expect(readFigures(file)).toEqual(figures);
});

it("renders what was run, and a table a promise, in natural order", () => {
  const parts = [{ name: "all", postgres: "PostgreSQL 18.1", passed: 300, failed: 0, skipped: 2, minutes: 12.34 }];
  const page = renderProof(
    [
      { promise: "P10", claim: "a | b", figure: 4.8, unit: "ms" },
      { promise: "P2", claim: "advanced once", figure: "300 of 300", store: "postgres" },
    ],
    { date: "2026-01-02", machine: "2 cores", node: "v24.0.0", commit: "abc1234", parts },
  );
  expect(page).toContain("- date: 2026-01-02\n- commit: abc1234\n- machine: 2 cores\n- node: v24.0.0\n");
  expect(page).toContain("| all | PostgreSQL 18.1 | 300 | 0 | 2 | 12.3 |\n");
  expect(page.indexOf("## P2\n")).toBeLessThan(page.indexOf("## P10\n"));
  expect(page).toContain("| advanced once | postgres | 300 of 300 |\n");
  expect(page).toContain("| a \\| b |  | 4.8 ms |\n");
});

it.each(["{", '{"promise":"P1","claim":"no figure"}', "{}"])("refuses %s", (line) => {
  writeFileSync(file, `\n${line}\n`);
  expect(() => readFigures(file)).toThrow(`${file}:2: `);
});
