// What the caller has to change: told in one line with what to do about it, never with a stack trace.

/** Codes the command ends with; part of its contract. */
export const exitCode = { completed: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** An error of the caller's; `hint` says what to do. */
export class UsageError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.name = "UsageError";
    this.hint = hint;
  }
}
