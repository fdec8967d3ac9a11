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
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
