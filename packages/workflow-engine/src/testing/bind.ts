// Binds suites to a test runner: any that has `describe` and `it`. A case whose store lacks what it needs becomes a skipped test
// whose name says why.
import type { BenchSource } from "./bench.ts";
import { createBench } from "./open-bench.ts";
import type { Suite, SuiteCase } from "./suite.ts";

/** What a runner provides; those of vitest, node:test, jest and bun fit. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  it: ((name: string, body: () => Promise<void>) => unknown) & { skip(name: string, body: () => Promise<void>): unknown };
}

/** One test for each case of a suite, each on a store of its own. */
export function bindSuite(suite: Suite, { describe, it }: TestRunner, source: BenchSource): void {
  describe(suite.name, () => {
    for (const each of suite.cases) {
      const reason = reasonToSkip(each, source);
      const name = `${each.promise}: ${each.name}`;
      if (reason === null) it(name, () => runCase(each, source));
      else it.skip(`${name} (skipped: ${reason})`, async () => undefined);
    }
  });
}

/** Why a store need not pass a case; null when it must. */
export function reasonToSkip(each: SuiteCase, source: BenchSource): string | null {
  const lacking = each.requires?.find((capability) => source.missing?.[capability] !== undefined);
  return lacking === undefined ? null : (source.missing?.[lacking] ?? null);
}

/** Runs one case on a new store; rejects with what is wrong. */
export async function runCase(each: SuiteCase, source: BenchSource): Promise<void> {
  const bench = await createBench(source, each.driver);
  try {
    await each.run(bench);
  } finally {
    await bench.close();
  }
}
