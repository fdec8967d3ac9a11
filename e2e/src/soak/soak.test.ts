// The soak, for a few seconds; and what it calls growth. Its ten minutes are `npm run soak -- --minutes 10`.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../tools/postgres/test-databases.ts";
import { findGrowth, type SoakSample, soak } from "./soak.ts";
import { postgresTables, sqliteTables } from "./tables.ts";

const sample = (i: number, heapMiB: number, runs: number): SoakSample => ({
  ...{ seconds: i * 10, open: 3, audited: i, heapMiB },
  tables: { runs, timers: i * 1_000, bytes: 2 ** 20 },
});

describe("soak", () => {
  it("P14, P22: workers are killed and stopped, and every run ends as it should", { timeout: 90_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "soak-"));
    try {
      const place = join(folder, "runs.db");
      const report = await soak({ store: "sqlite", place, measure: sqliteTables(place), minutes: 0.12, rate: 10, workers: 2 });
      expect(report.problems).toEqual([]);
      expect(report.audited).toBeGreaterThan(20);
      expect(report.killed + report.stopped).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("P14, P22: the same on PostgreSQL", { timeout: 120_000 }, async () => {
    const { url, query, drop } = await createTestDatabase();
    try {
      const measure = postgresTables(query);
      const report = await soak({ store: "postgres", place: url, measure, minutes: 0.12, rate: 10, workers: 2 });
      expect(report.problems).toEqual([]);
      expect(report.audited).toBeGreaterThan(20);
      expect((await measure())["runs"]).toBe(report.audited);
    } finally {
      await drop();
    }
  });

  it("calls growth what goes on growing, not what fills up at the start or is kept for a day", () => {
    const flat = Array.from({ length: 40 }, (_, i) => sample(i, 17 + (i % 3), Math.min(i * 200, 600)));
    expect(findGrowth(flat)).toEqual([]);
    expect(findGrowth(flat.map((one, i) => ({ ...one, heapMiB: 17 + i })))).toEqual([expect.stringContaining("heap (MiB) grew from")]);
    expect(findGrowth(flat.map((_, i) => sample(i, 17, i * 200)))).toEqual([expect.stringContaining("runs grew from")]);
    expect(findGrowth(flat.slice(0, 5))).toEqual([]);
  });
});
