// run.rerunFrom: an ended run goes on from a stage; what its old executions left can never touch the new ones (P9).
import { canonicalJson, hashText } from "../../define/fingerprint.ts";
import { type KernelParts, requireWorkflow } from "../execute/parts.ts";
import { type Rerun, rerunFrom } from "../rules/rerun.ts";
import type { RunRerunFromCommand } from "./command.ts";
import { requireText } from "./fields.ts";

/** Reopens a run at the group of `fromStageId`. */
export function runRerunFrom(parts: KernelParts, command: RunRerunFromCommand): Promise<Rerun> {
  const runId = requireText(command, "workflowRunId");
  const fromStageId = requireText(command, "fromStageId");
  const { idempotencyKey } = command;
  return parts.store.transact<Rerun>({
    runId,
    ...(idempotencyKey !== undefined && {
      key: {
        key: requireText(command, "idempotencyKey"),
        commandType: command.type,
        hash: hashText(canonicalJson([runId, fromStageId])),
        mode: "once" as const,
        resultOf: (result: Rerun) => result,
        replay: (stored: unknown) => stored as Rerun,
      },
    }),
    decide: rerunFrom(runId, fromStageId, (workflowId) => requireWorkflow(parts.registry, workflowId).plan),
  });
}
