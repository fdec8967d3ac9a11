// What worker processes note outside of the database, a line as it happens: that an execution has begun, that its work is over. Lines are
// "run|end run-id stage-id attempt pid".
import { readFileSync } from "node:fs";

/** The lines of executions that have begun, or whose work is over; none before a worker has noted anything. */
export function linesOf(journal: string, what: "run" | "end"): string[] {
  return readFileSync(journal, { encoding: "utf8", flag: "a+" })
    .split("\n")
    .filter((line) => line.startsWith(`${what} `));
}

/** Ids of the processes with a stage under way, the dead included: what they have in hand is not stored, and somebody does it again. */
export function processesAtWork(journal: string): Set<number> {
  const over = new Set(linesOf(journal, "end").map(executionOf));
  const open = linesOf(journal, "run").filter((line) => !over.has(executionOf(line)));
  return new Set(open.map((line) => Number(line.slice(line.lastIndexOf(" ")))));
}

function executionOf(line: string): string {
  return line.slice(line.indexOf(" "));
}
