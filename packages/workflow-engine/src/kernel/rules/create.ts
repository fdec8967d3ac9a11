// run.create as a decision (P1): the run and its first event, or nothing.
import { WorkflowEngineError } from "../../errors.ts";
import type { RunBudget } from "../../ports/ledger.ts";
import type { Changes, Decide, JsonText } from "../../ports/store.ts";

/** What a validated run.create amounts to. */
export interface CreateOptions {
  runId: string;
  workflowId: string;
  workflowName: string;
  workflowVersion: string;
  priority: number;
  /** Milliseconds since the epoch; null starts at once. */
  startAt: number | null;
  input: JsonText;
  config: JsonText;
  metadata: JsonText | null;
  parentRunId: string | null;
  budget?: RunBudget | undefined;
}

/** Answer of run.create. */
export interface Created {
  workflowRunId: string;
  status: "PENDING";
}

/** Creates a PENDING run; one of this id must not exist. */
export function create(options: CreateOptions): Decide<Created> {
  const { runId, ...run } = options;
  return ({ run: found }): Changes<Created> => {
    if (found) throw new WorkflowEngineError("RUN_STATE", `WorkflowRun ${runId} exists already. Use another id.`);
    return {
      result: { workflowRunId: runId, status: "PENDING" },
      create: run,
      events: [{ type: "workflow:created", workflowId: run.workflowId }],
    };
  };
}
