// Where the command writes: colours when the terminal shows them, and the name by which the caller reaches this command.
import pc from "picocolors";

const isColoured = pc.isColorSupported && (process.stdout.isTTY === true || "FORCE_COLOR" in process.env);

/** Colours, or functions that add none. */
export const colours = pc.createColors(isColoured);

/** Writes lines to stdout. */
export function print(...lines: string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

/** Writes lines to stderr. */
export function printError(...lines: string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
}

/** Writes a value as one line of JSON to stdout. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** A command line to copy, with `npx` where that is how the caller got here, and its arguments quoted where a shell needs it. */
export function commandLine(...args: string[]): string {
  const name = process.env["npm_command"] === undefined ? "workflow-engine" : "npx workflow-engine";
  return [name, ...args.map(quote)].join(" ");
}

function quote(arg: string): string {
  return /^[\w@%+=:,./<>-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`;
}
