// run.claimPending: starts due runs, most urgent first; their first stages wait in the queue (P3).
import { jobIdOf } from "../../store/record-ids.ts";
import { type KernelParts, knownWorkflowIds, planOf } from "../execute/parts.ts";
import { startRun } from "../rules/start-run.ts";
import type { CommandMap, RunClaimPendingCommand } from "./command.ts";
import { requireCount } from "./fields.ts";

/** Claims up to `maxClaims` runs of workflows this process knows. */
export async function runClaimPending(
  parts: KernelParts,
  command: RunClaimPendingCommand,
): Promise<CommandMap["run.claimPending"]["result"]> {
  const workflowIds = await knownWorkflowIds(parts);
  const options = { max: requireCount(command, "maxClaims", 10), workflowIds };
  const started = await parts.store.claimRuns(
    options,
    startRun((id) => planOf(parts.registry, id), null),
  );
  const claimed = started.flatMap((run) =>
    run ? [{ workflowRunId: run.workflowRunId, workflowId: run.workflowId, jobIds: run.opened.map(jobIdOf) }] : [],
  );
  return { claimed };
}
