// Blobs: copies, order, and a clear error for one that is missing.
import { describe, expect, it } from "vitest";
import { InMemoryBlobStore } from "./memory-blob-store.ts";

describe("InMemoryBlobStore", () => {
  it("takes a copy in and gives a copy out", async () => {
    const blobs = new InMemoryBlobStore();
    const value = { list: [1] };
    await blobs.put("k", value);
    value.list.push(2);
    const out = (await blobs.get("k")) as typeof value;
    out.list.push(3);
    expect(await blobs.get("k")).toEqual({ list: [1] });
  });

  it("keeps null, 0, empty text and false, and replaces", async () => {
    const blobs = new InMemoryBlobStore();
    for (const value of [null, 0, "", false]) {
      await blobs.put("k", value);
      expect(await blobs.get("k")).toBe(value);
    }
    expect(blobs.size()).toBe(1);
  });

  it("lists by prefix in order, deletes, and says what is missing", async () => {
    const blobs = new InMemoryBlobStore();
    for (const key of ["b/2", "a/1", "b/1"]) await blobs.put(key, 1);
    expect(await blobs.list("b/")).toEqual(["b/1", "b/2"]);
    await blobs.delete("b/1");
    await blobs.delete("b/1");
    expect(await blobs.has("b/1")).toBe(false);
    const missing = blobs.get("b/1");
    await expect(missing).rejects.toMatchObject({ code: "BLOB_NOT_FOUND", message: "Blob not found: b/1" });
    blobs.clear();
    expect(blobs.size()).toBe(0);
  });
});
