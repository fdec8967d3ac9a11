// ctx.storage: an author's own blobs.
import { describe, expect, it } from "vitest";
import { InMemoryBlobStore } from "../../memory/memory-blob-store.ts";
import { Abort } from "./abort.ts";
import { createStageStorage, outputBlobKey } from "./stage-storage.ts";

function open(runId: string, blobs = new InMemoryBlobStore()) {
  const abort = new Abort();
  return { blobs, abort, storage: createStageStorage(blobs, "w", runId, abort) };
}

describe("createStageStorage", () => {
  it("P6: two runs that save the same key never collide", async () => {
    const one = open("r1");
    const other = open("r2", one.blobs);
    await one.storage.save("k", 1);
    await other.storage.save("k", 2);
    expect([await one.storage.load("k"), await other.storage.load("k")]).toEqual([1, 2]);
    expect(await one.blobs.list("")).toEqual(["workflow-v2/w/r1/k", "workflow-v2/w/r2/k"]);
  });

  it("a key as getStageKey gives it is taken as it is", async () => {
    const { storage, blobs } = open("r1");
    expect(storage.getStageKey("a")).toBe("workflow-v2/w/r1/a/output.json");
    const key = storage.getStageKey("a", "x.json");
    await storage.save(key, true);
    expect([await storage.exists("a/x.json"), await blobs.has(key)]).toEqual([true, true]);
    await storage.delete(key);
    expect(await storage.exists(key)).toBe(false);
  });

  it("P8: an aborted stage writes and deletes nothing more, but may read", async () => {
    const { storage, abort } = open("r1");
    await storage.save("k", 1);
    abort.abort(new Error("cancelled"));
    await expect(storage.save("k", 2)).rejects.toMatchObject({ code: "EXECUTION_LOST" });
    await expect(storage.delete("k")).rejects.toMatchObject({ code: "EXECUTION_LOST" });
    expect(await storage.load("k")).toBe(1);
  });

  it("P13: the key of an output names its execution", () => {
    expect(outputBlobKey("w", "r1", "a", "x1")).toBe("workflow-v2/w/r1/a/x1/output.json");
  });
});
