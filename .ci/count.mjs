// Turns vitest's JSON report and the two exit codes of .ci/run into its last line, `N passed, N failed`, and its exit code.
// Whatever failed without failing a test (a file that does not load, a check, an install) counts as one more failure.

import { existsSync, readFileSync } from "node:fs";

const [report, tests, checks] = process.argv.slice(2);
const results = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : { numPassedTests: 0, numFailedTests: 0 };
const passed = results.numPassedTests;
let failed = results.numFailedTests;
if (passed + failed === 0) {
  console.log("ci: no test was executed");
  failed += 1;
}
if (tests !== "0") {
  console.log(`ci: npm test exited with ${tests}`);
  failed = Math.max(failed, 1);
}
if (checks !== "0") {
  console.log(`ci: npm run check exited with ${checks}`);
  failed += 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
