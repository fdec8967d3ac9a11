// The BlobStore port: values by key. Keys are of the form that the engine uses, so that stores which keep blobs with their run fit.
import type { Bench } from "../bench.ts";
import { expectEqual, expectRejects } from "../claims.ts";
import { putRun } from "../port-fixture.ts";
import { claim, type Suite } from "../suite.ts";

/** A prefix of keys of a run that is there. */
async function prefixOf(bench: Bench): Promise<string> {
  return `workflow-v2/w/${(await putRun(bench)).id}/`;
}

/** The BlobStore port. */
export const blobStoreSuite: Suite = {
  name: "BlobStore",
  cases: [
    claim("port", "what is put can be got, falsy values too", async (bench) => {
      const { blobStore } = bench.store;
      const prefix = await prefixOf(bench);
      const values = [{ a: [1, { b: null }] }, "text", 0, "", false, null, [], "emoji 🦉"];
      for (const [i, value] of values.entries()) {
        await blobStore.put(`${prefix}k${i}`, value);
        expectEqual(await blobStore.get(`${prefix}k${i}`), value, JSON.stringify(value));
      }
    }),
    claim("port", "put replaces, delete removes, deleting nothing is no error", async (bench) => {
      const { blobStore } = bench.store;
      const key = `${await prefixOf(bench)}k`;
      expectEqual(await blobStore.has(key), false);
      await blobStore.put(key, 1);
      await blobStore.put(key, 2);
      expectEqual([await blobStore.has(key), await blobStore.get(key)], [true, 2]);
      await blobStore.delete(key);
      await blobStore.delete(key);
      expectEqual(await blobStore.has(key), false);
    }),
    claim("port", "a key that is not there is BLOB_NOT_FOUND, with the key", async (bench) => {
      const key = `${await prefixOf(bench)}missing`;
      await expectRejects(bench.store.blobStore.get(key), { code: "BLOB_NOT_FOUND", message: `Blob not found: ${key}` });
    }),
    claim("port", "keys of a prefix are listed in order, and no others", async (bench) => {
      const { blobStore } = bench.store;
      const [mine, other] = [await prefixOf(bench), await prefixOf(bench)];
      for (const key of [`${mine}b/1`, `${mine}a`, `${mine}b/2`, `${mine}%_odd`, `${other}a`]) await blobStore.put(key, key);
      expectEqual(await blobStore.list(mine), [`${mine}%_odd`, `${mine}a`, `${mine}b/1`, `${mine}b/2`]);
      expectEqual(await blobStore.list(`${mine}b/`), [`${mine}b/1`, `${mine}b/2`]);
      expectEqual(await blobStore.list(`${mine}none`), []);
    }),
    claim("port", "a copy goes in, and a copy comes out", async (bench) => {
      const { blobStore } = bench.store;
      const key = `${await prefixOf(bench)}k`;
      const value = { list: [1] };
      await blobStore.put(key, value);
      value.list.push(2);
      ((await blobStore.get(key)) as { list: number[] }).list.push(3);
      expectEqual(await blobStore.get(key), { list: [1] });
    }),
    claim("port", "a megabyte is no problem", async (bench) => {
      const { blobStore } = bench.store;
      const key = `${await prefixOf(bench)}big`;
      const text = "0123456789abcdef".repeat(65_536);
      await blobStore.put(key, { text });
      expectEqual(await blobStore.get(key), { text });
    }),
  ],
};
