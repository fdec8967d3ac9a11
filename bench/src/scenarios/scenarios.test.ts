// Every scenario runs on every engine, on tiny counts, and measures something; `measure` itself fails when a run is not COMPLETED. Of
// the engines on PostgreSQL, which all go through the same two halves, ours runs all scenarios and the others one.
import { describe, expect, it } from "vitest";
import { engines } from "../engines/engines.ts";
import { measure } from "../job.ts";
import { scenarios } from "./scenarios.ts";

describe.each(scenarios)("$name", (scenario) => {
  const inProcess = engines.filter((engine) => !engine.hasProcesses);
  const across = engines.filter(({ hasProcesses, name }) => hasProcesses && (scenario.name === "drain" || name === "workflow-engine"));
  const chosen = [...inProcess, ...across].filter((engine) => scenario.isFor?.(engine) ?? true);
  it.each(chosen)("is measured on $name ($store)", async (engine) => {
    const metrics = await measure({
      scenario: scenario.name,
      engine: engine.name,
      store: engine.store,
      effort: "test",
      isCounting: scenario.counting === "always",
    });
    expect(metrics.length).toBeGreaterThan(0);
    for (const { name, value } of metrics) expect(value, name).toSatisfy(Number.isFinite);
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  });
});
