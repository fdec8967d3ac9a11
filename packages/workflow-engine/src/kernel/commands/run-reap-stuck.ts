// run.reapStuck: finds runs whose group is over and that nobody moved on, and moves them; never fails a run for being slow (P17).
import type { KernelParts } from "../execute/parts.ts";
import type { CommandMap, RunReapStuckCommand } from "./command.ts";
import { requireCount } from "./fields.ts";
import { moveOn } from "./run-transition.ts";

const maxRuns = 100;

/** Moves runs that have been stuck for `stuckThresholdMs`. */
export async function runReapStuck(parts: KernelParts, command: RunReapStuckCommand): Promise<CommandMap["run.reapStuck"]["result"]> {
  const before = parts.environment.now() - requireCount(command, "stuckThresholdMs");
  const stranded = await parts.store.listStranded(before, maxRuns);
  const moved = await Promise.all(stranded.map((runId) => moveOn(parts, runId)));
  return {
    transitioned: moved.filter(({ action }) => action === "advanced" || action === "completed").length,
    failed: moved.filter(({ action }) => action === "failed").length,
  };
}
