// The write lock of a SQLite file when somebody else has it: how that is known, and what waits for it.
import { WorkflowEngineError } from "../../errors.ts";

const SQLITE_BUSY = 5;
/** SQLITE_CONSTRAINT_PRIMARYKEY and SQLITE_CONSTRAINT_UNIQUE. */
const TAKEN = [1555, 2067];

/** Timers of the environment let a process end; one that waits for the lock has something to write, and must not. */
export async function stayingAlive(wait: () => Promise<void>): Promise<void> {
  const { port1 } = new MessageChannel();
  // a port that is listened to counts as work under way
  port1.onmessage = () => undefined;
  await wait();
  port1.close();
}

/** True for the error of a statement that found the write lock taken. */
export function isBusy(error: unknown): boolean {
  // extended codes carry the kind in their low byte
  return (codeOf(error) & 0xff) === SQLITE_BUSY;
}

/** True for the error of an INSERT of what is there already: somebody else came in between, or whoever inserts did not look. */
export function isTaken(error: unknown): boolean {
  return TAKEN.includes(codeOf(error));
}

function codeOf(error: unknown): number {
  const code = typeof error === "object" && error !== null && "errcode" in error ? error.errcode : undefined;
  return typeof code === "number" ? code : 0;
}

/** What a caller is told who has waited in vain. */
export function lockedError(path: string, ms: number, cause: unknown): WorkflowEngineError {
  return new WorkflowEngineError(
    "STORE_REFUSED",
    `Another process has held the write lock of ${path} for ${Math.round(ms / 1000)} s. Look for a process that stopped in the middle of a transaction.`,
    { cause },
  );
}
