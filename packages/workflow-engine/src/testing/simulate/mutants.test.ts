// The mutation proof: every deliberate defect is found by the simulation, and by its corpus entry without the defect nothing is.
import { describe, expect, it } from "vitest";
import { recordFigure } from "../../../../../tools/figures.ts";
import { createMemoryStore } from "../../memory/memory-store.ts";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import type { Mutant } from "./mutant.ts";
import { mutants } from "./mutants.ts";
import { SimulationError, simulate } from "./simulate.ts";
import type { StoreSource } from "./simulated-store.ts";

/** Histories until the defect is found at the latest. */
const mostSeeds = 1_000;

async function findDefect({ shownBy, sabotage, cheat }: Mutant): Promise<SimulationError> {
  const entry = corpus.find(({ name }) => name === shownBy)!;
  const store: StoreSource = (environment) => {
    const sound = createMemoryStore({ environment });
    return { ...sound, doorOf: sabotage(sound), ledgerOf: cheat?.() };
  };
  const options = simulationOf(entry, { seeds: mostSeeds, maxMs: 20 * 60_000, store });
  const found = await simulate((code) => entry.workflow(code), options).catch((error: unknown) => error);
  expect(found).toBeInstanceOf(SimulationError);
  return found as SimulationError;
}

describe("deliberate defects are found", () => {
  it.each(mutants)("$name", async (mutant) => {
    const { histories, invariant } = await findDefect(mutant);
    const claim = `"${mutant.name}" is found, as "${invariant}", within this many histories`;
    recordFigure({ promise: "Mutation", claim, figure: histories, store: "memory" });
  });

  it("there are at least 20 of them, each of another kind", () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBeGreaterThanOrEqual(20);
  });
});
