// The colour of a status, the same everywhere.
import type { Status } from "@bratsos/workflow-engine";
import { colours } from "./terminal.ts";

/** The status in its colour. */
export function paintStatus(status: Status | "LOST"): string {
  const paint = { COMPLETED: colours.green, FAILED: colours.red, LOST: colours.red, RUNNING: colours.cyan }[status as string];
  return (paint ?? colours.yellow)(status);
}
