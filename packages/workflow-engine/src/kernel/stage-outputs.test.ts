// Outputs through the CRUD port, for code that is not a stage.
import { describe, expect, it } from "vitest";
import { InMemoryBlobStore } from "../memory/memory-blob-store.ts";
import { InMemoryWorkflowPersistence } from "../memory/memory-persistence.ts";
import { loadWorkflowContext, saveStageOutput } from "./stage-outputs.ts";

describe("stage outputs", () => {
  it("P6, P7: outputs of COMPLETED stages by id; references are followed when there is a blob store", async () => {
    const persistence = new InMemoryWorkflowPersistence();
    const blobs = new InMemoryBlobStore();
    await persistence.createRun({ id: "r1", workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
    const key = await saveStageOutput("r1", "w", "b", [1, 2], blobs);
    expect(key).toBe("workflow-v2/w/r1/b/output.json");
    const reference = { $blob: key, bytes: 5 };
    const stage = { workflowRunId: "r1", stageNumber: 1, executionGroup: 1 };
    await persistence.createStage({ ...stage, stageId: "a", stageName: "A", status: "COMPLETED", outputData: 0 });
    await persistence.createStage({ ...stage, stageId: "b", stageName: "B", status: "COMPLETED", outputData: reference });
    await persistence.createStage({ ...stage, stageId: "c", stageName: "C", status: "RUNNING" });
    expect(await loadWorkflowContext("r1", persistence, blobs)).toEqual({ a: 0, b: [1, 2] });
    expect(await loadWorkflowContext("r1", persistence)).toEqual({ a: 0, b: reference });
  });
});
