// Which workflows this process can execute.
import type { AnyWorkflow } from "../define/workflow.ts";

/** Looks workflows up by id. With `listWorkflowIds` a worker asks the store for just what it can run. */
export interface WorkflowRegistry {
  getWorkflow(workflowId: string): AnyWorkflow | null | undefined;
  listWorkflowIds?(): readonly string[];
}
