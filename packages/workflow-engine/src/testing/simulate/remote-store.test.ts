// A store that answers over a network, as a database does: virtual time waits for its answers, and histories keep every promise.
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../memory/memory-store.ts";
import { corpus } from "./corpus.ts";
import { simulationOf } from "./corpus-options.ts";
import type { SimulatedHistory } from "./finished-history.ts";
import { simulate } from "./simulate.ts";
import type { StoreSource } from "./simulated-store.ts";

/** Each call of the port takes some turns of the real event loop. */
function faraway<T extends object>(port: T, turns: number): T {
  return new Proxy(port, {
    get: (target, property) => {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function" || property === "onSignal") return typeof member === "function" ? member.bind(target) : member;
      return async (...args: unknown[]) => {
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
        return member.apply(target, args);
      };
    },
  });
}

const remote: StoreSource = (environment) => {
  const store = createMemoryStore({ environment });
  return { ...store, runStore: faraway(store.runStore, 20), isRemote: true };
};

describe("simulated on a store that answers over a network", () => {
  it.each(["sequence", "wide parallel", "suspend", "cancel"])('every history of "%s" keeps every promise', async (name) => {
    const entry = corpus.find((one) => one.name === name)!;
    const report = await simulate((code) => entry.workflow(code), simulationOf(entry, { seeds: 6, store: remote }));
    expect(report.histories).toBe(6);
    expect(report.faults).toBeGreaterThan(0);
  });

  it("no virtual time passes while an answer is awaited", async () => {
    const entry = corpus.find(({ name }) => name === "sequence")!;
    const durationOn = async (store: StoreSource): Promise<number | null | undefined> => {
      let duration: number | null | undefined;
      const note = ({ runs }: SimulatedHistory): void => {
        duration = runs[0]?.run.duration;
      };
      await simulate((code) => entry.workflow(code), simulationOf(entry, { history: "", seed: 3, store, invariants: { note } }));
      return duration;
    };
    expect(await durationOn(remote)).toBe(await durationOn((environment) => createMemoryStore({ environment })));
  });
});
