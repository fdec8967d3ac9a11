// ctx.storage: the author's own blobs, scoped to the run so that two runs never collide, and closed once the stage is aborted (P8).
import type { StageStorage } from "../../define/context.ts";
import { WorkflowEngineError } from "../../errors.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import type { Abort } from "./abort.ts";

/** Prefix of every blob of a run. */
export function runBlobPrefix(workflowType: string, runId: string): string {
  return `workflow-v2/${workflowType}/${runId}/`;
}

/** Where a stage's output goes when it is too big for its row; the execution's id keeps a zombie from overwriting (P13). */
export function outputBlobKey(workflowType: string, runId: string, stageId: string, executionId: string): string {
  return `${runBlobPrefix(workflowType, runId)}${stageId}/${executionId}/output.json`;
}

/** The storage of one execution. A bare key is taken inside the run's prefix; a full key of the same run as it is. */
export function createStageStorage(
  blobStore: BlobStore,
  workflowType: string,
  runId: string,
  abort: Pick<Abort, "isAborted">,
): StageStorage {
  const prefix = runBlobPrefix(workflowType, runId);
  const inRun = (key: string): string => (key.startsWith(prefix) ? key : prefix + key);
  const assertOpen = (): void => {
    if (abort.isAborted)
      throw new WorkflowEngineError("EXECUTION_LOST", "This execution has been aborted: it may not write to storage any more.");
  };
  return {
    save: async (key, content) => {
      assertOpen();
      await blobStore.put(inRun(key), content);
    },
    load: async <T>(key: string) => (await blobStore.get(inRun(key))) as T,
    exists: (key) => blobStore.has(inRun(key)),
    delete: async (key) => {
      assertOpen();
      await blobStore.delete(inRun(key));
    },
    getStageKey: (stageId, suffix = "output.json") => `${prefix}${stageId}/${suffix}`,
  };
}
