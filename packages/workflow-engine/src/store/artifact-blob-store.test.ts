// Big payloads without a blob store: they are artifacts of their run (P7).
import { describe, expect, it } from "vitest";
import { artifactBlobStore } from "./artifact-blob-store.ts";
import { stageOf, World, workflowOf } from "./crud-world.test-double.ts";

const wide = workflowOf("w", [stageOf("big", () => "x".repeat(40_000))], [stageOf("length", ({ input }) => String(input).length)]);

describe("artifactBlobStore", () => {
  it("P7: keeps a big output as an artifact of its run, and hands the value on", async () => {
    const world = new World([wide]);
    const runId = await world.create("w");
    await world.work();
    expect(await world.run(runId)).toMatchObject({ status: "COMPLETED", output: 40_000 });
    const [artifact] = await world.adapter.listArtifacts(runId);
    expect(artifact).toMatchObject({ type: "METADATA", size: 40_002, workflowRunId: runId });
    expect(artifact!.key.startsWith(`workflow-v2/w/${runId}/big/`)).toBe(true);
    const [stage] = await world.adapter.getStagesByRun(runId);
    expect(stage!.outputData).toEqual({ $blob: artifact!.key, bytes: 40_002 });
  });

  it("puts, lists, finds and deletes; falsy values are values, and what is missing is BLOB_NOT_FOUND", async () => {
    const world = new World([wide]);
    const runId = await world.create("w");
    const blobs = artifactBlobStore(world.adapter);
    const prefix = `workflow-v2/w/${runId}/`;
    await blobs.put(`${prefix}b`, null);
    await blobs.put(`${prefix}a`, 0);
    expect(await blobs.list(prefix)).toEqual([`${prefix}a`, `${prefix}b`]);
    expect([await blobs.get(`${prefix}a`), await blobs.get(`${prefix}b`)]).toEqual([0, null]);
    await blobs.delete(`${prefix}a`);
    await blobs.delete(`${prefix}a`);
    expect(await blobs.has(`${prefix}a`)).toBe(false);
    await expect(blobs.get(`${prefix}a`)).rejects.toMatchObject({ code: "BLOB_NOT_FOUND", message: `Blob not found: ${prefix}a` });
  });

  it("refuses keys that name no run, and says what to do where a run must be there first", async () => {
    const blobs = artifactBlobStore(new World([wide]).adapter);
    await expect(blobs.put("mine", 1)).rejects.toMatchObject({ code: "INVALID_COMMAND" });
    await expect(blobs.put("workflow-v2/w/nobody/input.json", 1)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  });
});
