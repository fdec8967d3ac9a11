// The negative controls: for each promise that asks for one, a store with just that broken must fail the suite of that promise, and
// the same cases must pass on the store as it is.
import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { BenchSource } from "./bench.ts";
import { runCase } from "./bind.ts";
import { type Defect, defects } from "./defects.ts";
import { allSuites } from "./suites/index.ts";

/** Names of the cases of a promise that fail on the memory store, changed by `apply`. */
async function failures(promise: string, apply: Defect["apply"]): Promise<string[]> {
  const source: BenchSource = { createStore: (environment) => ({ store: apply(createMemoryStore({ environment })) }) };
  const failed: string[] = [];
  for (const each of allSuites.flatMap((suite) => suite.cases).filter((one) => one.promise === promise)) {
    await runCase(each, source).catch(() => failed.push(each.name));
  }
  return failed;
}

describe("negative controls", () => {
  for (const { promise, name, apply } of defects) {
    it(`${promise} fails when ${name}`, async () => {
      expect(await failures(promise, (store) => store)).toEqual([]);
      expect(await failures(promise, apply)).not.toEqual([]);
    });
  }
});
