// Blobs as artifacts of the run they belong to: the durable default for a persistence of one's own, which needs no second store (P7).
// Only the engine's keys name a run; the run must be there before its artifacts where the database checks that.
import { errorCodeOf, WorkflowEngineError } from "../errors.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { Persistence } from "../ports/persistence.ts";

/** Keeps blobs of keys `workflow-v2/{type}/{runId}/...` as artifacts of that run; any other key is INVALID_COMMAND. */
export function artifactBlobStore(persistence: Persistence): BlobStore {
  return {
    put: (key, value) => put(persistence, key, value),
    get: async (key) => {
      const runId = runIdOf(key);
      if (await persistence.hasArtifact(runId, key)) return persistence.loadArtifact(runId, key);
      throw new WorkflowEngineError("BLOB_NOT_FOUND", `Blob not found: ${key}`);
    },
    has: async (key) => persistence.hasArtifact(runIdOf(key), key),
    delete: async (key) => {
      const runId = runIdOf(key);
      if (await persistence.hasArtifact(runId, key)) await persistence.deleteArtifact(runId, key);
    },
    list: async (prefix) => {
      const artifacts = await persistence.listArtifacts(runIdOf(prefix));
      return artifacts
        .map((artifact) => artifact.key)
        .filter((key) => key.startsWith(prefix))
        .sort();
    },
  };
}

async function put(persistence: Persistence, key: string, value: unknown): Promise<void> {
  const workflowRunId = runIdOf(key);
  const text = JSON.stringify(value ?? null);
  const size = new TextEncoder().encode(text).length;
  try {
    await persistence.saveArtifact({ workflowRunId, key, type: "METADATA", data: JSON.parse(text), size });
  } catch (error) {
    if (errorCodeOf(error) !== undefined || (await persistence.getRunStatus(workflowRunId)) !== null) throw error;
    throw new WorkflowEngineError(
      "STORE_REFUSED",
      `Blob ${key} cannot be kept as an artifact: this persistence takes none for a run that does not exist yet. Give createKernel a blobStore.`,
      { cause: error },
    );
  }
}

/** The run a key belongs to; neither a workflow's id nor a run's holds a slash here. */
function runIdOf(key: string): string {
  const runId = /^workflow-v2\/[^/]+\/([^/]+)\//.exec(key)?.[1];
  if (runId !== undefined) return runId;
  throw new WorkflowEngineError(
    "INVALID_COMMAND",
    `Blob key "${key}" names no run. Artifacts keep keys of the form workflow-v2/{type}/{runId}/... only; give createKernel a blobStore for others.`,
  );
}
