// A registry of workflows made from a list.
import type { AnyWorkflow } from "../define/workflow.ts";
import { WorkflowEngineError } from "../errors.ts";
import type { WorkflowRegistry } from "../ports/registry.ts";

/** Makes a registry of these workflows; two of one id are refused. */
export function createRegistry(workflows: readonly AnyWorkflow[]): Required<WorkflowRegistry> {
  const byId = new Map<string, AnyWorkflow>();
  for (const workflow of workflows) {
    if (byId.has(workflow.id)) {
      throw new WorkflowEngineError(
        "INVALID_DEFINITION",
        `Workflow id "${workflow.id}" is registered twice. Give each workflow an id of its own.`,
      );
    }
    byId.set(workflow.id, workflow);
  }
  const ids = [...byId.keys()];
  return { getWorkflow: (workflowId) => byId.get(workflowId), listWorkflowIds: () => ids };
}
