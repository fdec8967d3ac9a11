// Everything that can be judged without running the engine, in one place: lint, types, lockfile, rooms and docs. All of them run even
// when one fails, each reports one line, and the output of the failed ones follows. `npm run check -- rooms docs` runs some.

import { spawnSync } from "node:child_process";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "..");

/** One check: what the workspace's Node is given to run, from the root. */
export interface Check {
  name: string;
  run: string[];
}

/** The checks, in the order they run. */
export const CHECKS: readonly Check[] = [
  { name: "lint", run: ["node_modules/@biomejs/biome/bin/biome", "check"] },
  { name: "types", run: ["node_modules/typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json"] },
  { name: "lock", run: ["tools/lock.ts"] },
  { name: "rooms", run: ["tools/rooms.ts"] },
  { name: "docs", run: ["tools/docs.ts"] },
];

/** Runs the checks one after the other, prints a line for each, and returns the names of those that failed. */
export function runChecks(checks: readonly Check[], print: (line: string) => void): string[] {
  const failed: string[] = [];
  for (const check of checks) {
    const startedAt = performance.now();
    const done = spawnSync(process.execPath, check.run, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28 });
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    const isOk = done.status === 0;
    const summary = isOk ? (done.stdout.trim().split("\n").at(-1) ?? "") : "";
    print(`${check.name.padEnd(6)} ${isOk ? "ok" : "FAILED"} (${seconds} s)${summary === "" ? "" : `  ${summary}`}`);
    if (isOk) continue;
    failed.push(check.name);
    print(`${done.stdout}${done.stderr}${done.error?.message ?? ""}`.trimEnd());
  }
  return failed;
}

if (import.meta.main) {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !CHECKS.some((check) => check.name === name));
  if (unknown.length > 0) {
    console.error(`check: no check named ${unknown.join(", ")}; there are ${CHECKS.map((check) => check.name).join(", ")}`);
    process.exit(2);
  }
  const failed = runChecks(
    CHECKS.filter((check) => wanted.length === 0 || wanted.includes(check.name)),
    console.log,
  );
  if (failed.length > 0) console.log(`check: ${failed.join(", ")} failed`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
