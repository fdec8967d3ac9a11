// Every suite on the memory store.
import { describe, it } from "vitest";
import { createMemoryStore } from "../memory/memory-store.ts";
import type { BenchSource } from "./bench.ts";
import { bindSuite } from "./bind.ts";
import { allSuites } from "./suites/index.ts";

const memory: BenchSource = {
  createStore: (environment) => ({ store: createMemoryStore({ environment }) }),
};

describe("memory", () => {
  for (const suite of allSuites) bindSuite(suite, { describe, it }, memory);
});
