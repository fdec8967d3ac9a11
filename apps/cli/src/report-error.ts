// Anything thrown becomes one clear line on stderr and an exit code; the stack is for those who set DEBUG.
import { type ErrorCode, errorCodeOf } from "@bratsos/workflow-engine";
import { CommanderError } from "commander";
import { colours, commandLine, printError } from "./terminal.ts";
import { exitCode, UsageError } from "./usage-error.ts";

/** Errors of the engine that the caller mends by calling differently, and how. */
const callerErrors: Partial<Record<ErrorCode, () => string | undefined>> = {
  INVALID_INPUT: () => "Correct --input.",
  INVALID_CONFIG: () => "Correct --config: an object with one entry a stage id.",
  INVALID_COMMAND: () => undefined,
  RUN_NOT_FOUND: () => `See which runs there are: ${commandLine("list")}, and pass --db when they are in another database.`,
  STAGE_NOT_FOUND: () => undefined,
  RUN_STATE: () => undefined,
  WORKFLOW_NOT_FOUND: () => "Name the module that defines it with --module.",
  IDEMPOTENCY_CONFLICT: () => "The same --key with another input is another intent: use another key.",
  IDEMPOTENCY_IN_PROGRESS: () => "Try again in a moment.",
};

/** Writes what went wrong and answers the code to exit with. */
export function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.completed : exitCode.usage; // commander has said it
  const message = error instanceof Error ? error.message : String(error);
  const code = errorCodeOf(error) as ErrorCode | undefined;
  const known = code === undefined ? undefined : callerErrors[code];
  const hint = error instanceof UsageError ? error.hint : known?.();
  printError(`${colours.red("error:")} ${message}`);
  if (hint !== undefined) printError(hint);
  if (process.env["DEBUG"] && error instanceof Error) printError(error.stack ?? "");
  return error instanceof UsageError || known !== undefined ? exitCode.usage : exitCode.failed;
}
