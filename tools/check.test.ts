// The list of checks: all of them run, each reports a line, and the failed ones are named with what they printed.

import { expect, it } from "vitest";
import { runChecks } from "./check.ts";

it("runs every check, prints the output of the failed one and names it", () => {
  const printed: string[] = [];
  const failed = runChecks(
    [
      { name: "first", run: ["-e", "console.log('why it failed'); process.exit(1)"] },
      { name: "second", run: ["-e", "console.log('detail'); console.log('3 files')"] },
    ],
    (line) => printed.push(line.replace(/\d+\.\d s/, "N s")),
  );
  expect(failed).toEqual(["first"]);
  expect(printed).toEqual(["first  FAILED (N s)", "why it failed", "second ok (N s)  3 files"]);
});
