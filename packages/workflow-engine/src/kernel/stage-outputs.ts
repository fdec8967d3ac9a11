// Reading and writing stage outputs through the CRUD port, for code that is not a stage: migrations, scripts, hosts of one's own.
import { type BlobStore, isBlobReference } from "../ports/blob-store.ts";
import type { Persistence } from "../ports/persistence.ts";

/** Outputs of a run's COMPLETED stages by stage id; those kept in the blob store are fetched when one is given. */
export async function loadWorkflowContext(
  workflowRunId: string,
  persistence: Persistence,
  blobStore?: BlobStore | undefined,
): Promise<Record<string, unknown>> {
  const stages = await persistence.getStagesByRun(workflowRunId, { status: "COMPLETED" });
  const outputs = await Promise.all(
    stages.map(async ({ stageId, outputData }) => {
      const value = blobStore && isBlobReference(outputData) ? await blobStore.get(outputData.$blob) : outputData;
      return [stageId, value] as const;
    }),
  );
  return Object.fromEntries(outputs);
}

/** Saves a stage's output under the run's prefix of a blob store; answers its key. */
export async function saveStageOutput(
  workflowRunId: string,
  workflowType: string,
  stageId: string,
  output: unknown,
  blobStore: BlobStore,
): Promise<string> {
  const key = `workflow-v2/${workflowType}/${workflowRunId}/${stageId}/output.json`;
  await blobStore.put(key, output);
  return key;
}
