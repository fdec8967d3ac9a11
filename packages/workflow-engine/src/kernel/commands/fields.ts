// Checks of the fields that callers of untyped code get wrong; a clear error instead of a row that nobody can find.
import { WorkflowEngineError } from "../../errors.ts";

/** A command field that must be text without NUL; ids and keys travel to every database. */
export function requireText<C extends { type: string }, F extends keyof C & string>(command: C, field: F): string {
  const value: unknown = command[field];
  if (typeof value !== "string" || value === "") {
    throw new WorkflowEngineError(
      "INVALID_COMMAND",
      `${command.type}: ${field} must be a non-empty text, got ${JSON.stringify(value) ?? "undefined"}`,
    );
  }
  if (value.includes("\u0000") || !value.isWellFormed()) {
    throw new WorkflowEngineError(
      "INVALID_COMMAND",
      `${command.type}: ${field} holds a NUL character or a lone surrogate, which no database stores`,
    );
  }
  return value;
}

/** A command field that must be a number of at least 0. */
export function requireCount<C extends { type: string }, F extends keyof C & string>(command: C, field: F, fallback?: number): number {
  const value: unknown = command[field] ?? fallback;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new WorkflowEngineError(
    "INVALID_COMMAND",
    `${command.type}: ${field} must be a number of at least 0, got ${JSON.stringify(value) ?? "undefined"}`,
  );
}
