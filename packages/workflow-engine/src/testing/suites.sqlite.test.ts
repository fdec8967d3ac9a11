// Every suite on SQLite: in memory, and on a file that several connections share as processes do, also by threads.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, it } from "vitest";
import type { Environment } from "../ports/environment.ts";
import { createSqliteStore } from "../sql/sqlite.ts";
import type { BenchSource } from "./bench.ts";
import { bindSuite } from "./bind.ts";
import { sqliteThreadSource } from "./sqlite-thread.test-fixture.ts";
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

/** In a run for proof all suites; else without those that wait long in virtual time: each look at a file is an answer that it waits for. */
const isFull = process.env["PROOF"] === "full";
const slow = ["P11 waiting is free, P12 waits survive", "P17 repair", "P23 budgets"];
const longestMs = 60_000;

describe("SQLite on a file, by a thread", () => {
  const source = sqliteThreadSource(withQuickLocks);
  afterAll(() => source.stop());
  const runner = { describe: (name: string, body: () => void) => describe(name, { timeout: longestMs }, body), it };
  for (const suite of allSuites) if (isFull || !slow.includes(suite.name)) bindSuite(suite, runner, source);
});
