import os from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: [
      "packages/*/src/**/*.test.ts",
      "packages/*/test/**/*.test.ts",
      "apps/*/src/**/*.test.ts",
      "examples/*/src/**/*.test.ts",
      "tools/**/*.test.ts",
      "bench/src/**/*.test.ts",
      "e2e/src/**/*.test.ts",
    ],
    typecheck: { enabled: false },
    globalSetup: ["tools/postgres/global-setup.ts"],
    // tests of real processes and databases wait more than they compute
    maxWorkers: Math.max(4, os.availableParallelism()),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
