// The order of measurements, the command line and the table: what a reader of the results relies on.
import { describe, expect, it } from "vitest";
import { engines } from "./engines/engines.ts";
import { planJobs } from "./main.ts";
import { median, percentile } from "./measure/metric.ts";
import { readOptions } from "./options.ts";
import { renderPage } from "./report/page.ts";
import { summarise } from "./report/results.ts";
import { renderNumber, renderTable } from "./report/table.ts";
import { drain } from "./scenarios/drain.ts";

const job = { scenario: "drain", engine: "workflow-engine", store: "sqlite", effort: "default", isCounting: false } as const;

describe("planJobs", () => {
  it("measures every engine once before any is measured again, and counts last", () => {
    const steps = planJobs(readOptions(["--scenario", "drain", "--repetitions", "2"]));
    const names = steps.map((jobs) => jobs.map(({ engine, store, isCounting }) => `${engine}/${store}${isCounting ? ", counted" : ""}`));
    const each = engines.map(({ name, store }) => [`${name}/${store}`]);
    expect(names).toEqual([...each, ...each, ...each.map(([name]) => [`${name}, counted`])]);
  });

  it("measures waiting scenarios at the same time on all engines they are for", () => {
    const steps = planJobs(readOptions(["--scenario", "idle", "--quick"]));
    expect(steps.map((jobs) => jobs.length)).toEqual([engines.filter(({ kind }) => kind === "workflows").length]);
  });
});

describe("planJobs, by what a scenario is for", () => {
  const enginesOf = (scenario: string) =>
    new Set(
      planJobs(readOptions(["--scenario", scenario]))
        .flat()
        .map(({ engine, store }) => `${engine}/${store}`),
    );

  it("keeps bare jobs from scenarios of runs, and several workers from what is one process", () => {
    expect(enginesOf("latency")).not.toContain("pg-boss/postgres");
    expect(enginesOf("drain")).toContain("pg-boss/postgres");
    expect([...enginesOf("workers")].filter((name) => !name.endsWith("/postgres"))).toEqual([]);
  });
});

describe("renderPage", () => {
  it("compares engines with ours on the same kind of store", () => {
    const measured = ["sqlite", "postgres"].flatMap((store) => [
      { job: { ...job, store }, metrics: [{ name: "runs/s", value: 10 }] },
      { job: { ...job, engine: "floor", store }, metrics: [{ name: "runs/s", value: store === "sqlite" ? 30 : 50 }] },
    ]);
    const chosen = engines.filter(({ name }) => name === "workflow-engine" || name === "floor");
    const page = renderPage({ date: "", effort: "default", measured, engines: chosen, scenarios: [drain] });
    expect(page).toContain("| drain | runs/s | 10 |  | 30 (3x) |");
    expect(page).toContain("| drain | runs/s | 10 | 50 (5x) |");
  });
});

describe("readOptions", () => {
  it("narrows engines by name and store", () => {
    const { engines: chosen, effort } = readOptions(["--engine", "workflow-engine", "--store", "memory", "--quick"]);
    expect(chosen.map(({ name, store }) => [name, store])).toEqual([["workflow-engine", "memory"]]);
    expect(effort).toBe("quick");
  });

  it("refuses names that are nobody's, and a combination that leaves nothing", () => {
    expect(() => readOptions(["--scenario", "drian"])).toThrow('There is no scenario "drian" here');
    expect(() => readOptions(["--engine", "floor", "--store", "memory"])).toThrow('There is no engine "floor" here');
    expect(() => readOptions(["--repetitions", "0"])).toThrow("whole number");
  });
});

describe("results", () => {
  it("are medians, failed jobs left out", () => {
    const measured = [7, 1, 3].map((value) => ({ job, metrics: [{ name: "runs/s", value }] }));
    expect(summarise([...measured, { job, problem: "broken" }])).toEqual([
      { scenario: "drain", engine: "workflow-engine", store: "sqlite", metric: "runs/s", value: 3 },
    ]);
    expect(median([4, 1])).toBe(2.5);
    expect(percentile([5, 1, 4, 2, 3], 0.99)).toBe(5);
    expect(percentile([], 0.5)).toBeNaN();
  });

  it("become a table with ratios to the first engine", () => {
    const [ours, , , floor] = engines;
    const results = [
      { scenario: "drain", engine: "workflow-engine", store: "sqlite", metric: "runs/s", value: 10_000 },
      { scenario: "drain", engine: "floor", store: "sqlite", metric: "runs/s", value: 45_000 },
    ];
    const lines = renderTable(results, [ours!, floor!], [drain]).split("\n");
    expect(lines[0]).toBe("| scenario | metric | workflow-engine (sqlite) | floor (sqlite) |");
    expect(lines[2]).toBe("| drain | runs/s | 10,000 | 45,000 (4.5x) |");
  });

  it("show three digits that mean something", () => {
    expect([0, 0.01234, 1.234, 12.34, 1234.5].map(renderNumber)).toEqual(["0", "0.0123", "1.23", "12.3", "1,235"]);
  });
});
