// Blobs in files: keys of any kind, whole or not at all.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { BlobStore } from "../ports/blob-store.ts";
import { createFileBlobStore } from "./file-blob-store.ts";

let folder: string;
let blobs: BlobStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "blobs-"));
  blobs = createFileBlobStore({ folder: join(folder, "deep", "er") });
});
afterEach(() => rm(folder, { recursive: true }));

describe("createFileBlobStore", () => {
  it("keeps values, false ones too, replaces and deletes them", async () => {
    for (const value of [0, "", false, null, { a: [1] }]) {
      await blobs.put("k", value);
      expect(await blobs.get("k")).toEqual(value);
    }
    expect(await blobs.has("k")).toBe(true);
    await blobs.delete("k");
    await blobs.delete("k");
    expect(await blobs.has("k")).toBe(false);
    await expect(blobs.get("k")).rejects.toMatchObject({ code: "BLOB_NOT_FOUND", message: "Blob not found: k" });
  });

  it("keeps keys apart that a file system might not, and escapes its folder for none", async () => {
    const keys = ["a", "A", "../a", "..", ".", "", "a/b", "a%2fb", "é", "a\\b", "~", "x".repeat(500), "X".repeat(500), "a*b?:|<>\"'"];
    for (const key of keys) await blobs.put(key, key);
    for (const key of keys) expect(await blobs.get(key)).toBe(key);
    expect(await blobs.list("")).toEqual([...keys].sort());
    expect(await readdir(folder)).toEqual(["deep"]);
  });

  it("lists by prefix, in order, and nothing before the first put", async () => {
    expect(await blobs.list("a")).toEqual([]);
    for (const key of ["run/2", "run/10", "other", "run"]) await blobs.put(key, 1);
    expect(await blobs.list("run/")).toEqual(["run/10", "run/2"]);
  });

  it("leaves no half-written file when several write one key at once, or when a value is none", async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => blobs.put("k", { i, text: "x".repeat(10_000) })));
    expect(await blobs.get("k")).toMatchObject({ text: "x".repeat(10_000) });
    const circular: { self?: unknown } = {};
    circular.self = circular;
    await expect(blobs.put("c", circular)).rejects.toThrow(TypeError);
    expect((await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
