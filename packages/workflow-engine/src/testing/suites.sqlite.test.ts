// Every suite on SQLite: in memory, and on a file that several connections share as processes do.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "vitest";
import type { Environment } from "../ports/environment.ts";
import { createSqliteStore } from "../sql/sqlite.ts";
import type { BenchSource } from "./bench.ts";
import { bindSuite } from "./bind.ts";
import { allSuites } from "./suites/index.ts";

const inMemory: BenchSource = {
  createStore: (environment) => ({ store: createSqliteStore({ path: ":memory:", environment }) }),
};

/** Longest pause between two tries to get the lock of another connection. */
const lockPauseMs = 20;

/** A world in which waiting for a lock takes turns of the event loop, not virtual time: its holder needs none to let it go. */
function withQuickLocks(environment: Environment): Environment {
  return {
    ...environment,
    setTimer: (ms, fire) => {
      if (ms > lockPauseMs) return environment.setTimer(ms, fire);
      let isCancelled = false;
      environment.defer(() => {
        if (!isCancelled) fire();
      });
      return () => {
        isCancelled = true;
      };
    },
  };
}

const onFile: BenchSource = {
  createStore: (fake) => {
    const folder = mkdtempSync(join(tmpdir(), "suites-sqlite-"));
    const environment = withQuickLocks(fake);
    // a test outlives no power cut: waiting for the disk would be most of its time
    const open = () => createSqliteStore({ path: join(folder, "test.db"), environment, synchronous: "OFF" });
    return {
      store: open(),
      reopen: async () => open(),
      dispose: async () => rmSync(folder, { recursive: true, force: true }),
    };
  },
};

describe("SQLite in memory", () => {
  for (const suite of allSuites) bindSuite(suite, { describe, it }, inMemory);
});

describe("SQLite on a file", () => {
  for (const suite of allSuites) bindSuite(suite, { describe, it }, onFile);
});
