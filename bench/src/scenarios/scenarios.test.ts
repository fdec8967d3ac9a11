// Every scenario runs on every engine, on tiny counts, and measures something; `measure` itself fails when a run is not COMPLETED.
import { describe, expect, it } from "vitest";
import { engines } from "../engines/engines.ts";
import { measure } from "../job.ts";
import { scenarios } from "./scenarios.ts";

describe.each(scenarios)("$name", (scenario) => {
  it.each(engines)("is measured on $name ($store)", async (engine) => {
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
