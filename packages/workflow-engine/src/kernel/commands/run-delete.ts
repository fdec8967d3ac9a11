// run.delete: an ended run goes, with its rows and its blobs (P22). Blobs go first: a crash in between leaves a run that can be deleted again.

import { WorkflowEngineError } from "../../errors.ts";
import type { KernelParts } from "../execute/parts.ts";
import { runBlobPrefix } from "../execute/stage-storage.ts";
import { assertDeletable, type Deleted, deleteRun } from "../rules/cancel.ts";
import type { RunDeleteCommand } from "./command.ts";
import { requireText } from "./fields.ts";

/** Deletes an ended run; false when there is none. */
export async function runDelete(parts: KernelParts, command: RunDeleteCommand): Promise<Deleted> {
  const runId = requireText(command, "workflowRunId");
  if (!parts.store.deletesRuns) {
    throw new WorkflowEngineError("NOT_CONFIGURED", "run.delete: this persistence cannot delete runs. Give it a deleteRun(id) method.");
  }
  const workflowId = await parts.store.transact({ runId, decide: assertDeletable(runId) });
  if (workflowId === null) return { deleted: false };
  await deleteBlobs(parts, workflowId, runId);
  return parts.store.transact({ runId, decide: deleteRun(runId) });
}

/** Deletes every blob of a run. */
export async function deleteBlobs(parts: KernelParts, workflowId: string, runId: string): Promise<void> {
  const keys = await parts.blobStore.list(runBlobPrefix(workflowId, runId));
  for (const key of keys) await parts.blobStore.delete(key);
}
