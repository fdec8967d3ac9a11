// Entry `@bratsos/workflow-engine-cli`: the command line as a function, for the bin and for programs that want the same words.
import { createProgram } from "./program.ts";
import { reportError } from "./report-error.ts";
import { exitCode } from "./usage-error.ts";

/**
 * Carries out one command line, `argv` being the words after the command's name, and answers the code to exit with: 0 completed,
 * 1 failed, 2 bad usage, 130 interrupted. Writes to stdout and stderr; throws nothing.
 */
export async function main(argv: string[]): Promise<number> {
  let code: number = exitCode.completed;
  const program = createProgram((settled) => {
    code = settled;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    return reportError(error);
  }
}
