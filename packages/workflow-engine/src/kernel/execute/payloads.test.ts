// Values to rows and blobs, and back.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InMemoryBlobStore } from "../../memory/memory-blob-store.ts";
import { isStoredAsBlob, loadPayload, resolveOutput, storePayload, toJson } from "./payloads.ts";

const limits = { inlineBytes: 20, maxBytes: 200 };
const name = { what: 'Output of stage "a"', blobKey: "k/output.json" };

async function stored(value: unknown): Promise<{ text: string; blobs: InMemoryBlobStore }> {
  const blobs = new InMemoryBlobStore();
  return { text: await storePayload(value, name, limits, blobs), blobs };
}

describe("storePayload", () => {
  it("P7: what fits the row stays there, to the byte, counted in UTF-8", async () => {
    const fits = await stored("x".repeat(18));
    expect([fits.text.length, fits.blobs.size()]).toEqual([20, 0]);
    const tooBig = await stored("x".repeat(19));
    expect(tooBig.text).toBe('{"$blob":"k/output.json","bytes":21}');
    expect(await tooBig.blobs.get("k/output.json")).toBe("x".repeat(19));
    expect(isStoredAsBlob((await stored("ä".repeat(9))).text)).toBe(false);
    expect(isStoredAsBlob((await stored("ä".repeat(10))).text)).toBe(true);
  });

  it("P7: over the hard limit it names stage, field and bytes, and puts nothing aside", async () => {
    const blobs = new InMemoryBlobStore();
    const error = await (async () => storePayload("x".repeat(199), name, limits, blobs))().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
      message: 'Output of stage "a" is 201 bytes as JSON, over the limit of 200 bytes. Save large data with ctx.storage and pass its key.',
    });
    expect(blobs.size()).toBe(0);
  });

  it.each([[{ $blob: "x", bytes: 1 }], [{ $blob: "x", bytes: 1, more: 2 }], [{ $blob: "x" }]])(
    "P6: an author's %j is a value, never taken for a reference of ours",
    async (value) => {
      const { text, blobs } = await stored(value);
      expect(JSON.parse(text)).toEqual({ $blob: "k/output.json", bytes: expect.any(Number) });
      expect(await loadPayload(text, blobs)).toEqual(value);
    },
  );

  it("P6: any JSON value comes back as it was, whether in the row or beside it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 2 }), async (value) => {
        const blobs = new InMemoryBlobStore();
        const text = await storePayload(value, name, { inlineBytes: 20, maxBytes: 100_000 }, blobs);
        expect(blobs.size()).toBe(isStoredAsBlob(text) ? 1 : 0);
        expect(await loadPayload(text, blobs)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [0, "0"],
    ["", '""'],
    [false, "false"],
    [null, "null"],
    [undefined, "null"],
  ])("P6: %j is a value", async (value, text) => {
    expect((await stored(value)).text).toBe(text);
  });
});

describe("toJson", () => {
  it("P7: what is no JSON is an error that says what and why", () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    for (const value of [{ n: 1n }, circular]) {
      expect(() => toJson(value, "Metadata")).toThrow(
        expect.objectContaining({ code: "PAYLOAD_NOT_JSON", message: expect.stringMatching(/^Metadata cannot be stored as JSON: /) }),
      );
    }
    expect(toJson(() => undefined, "A function")).toBe("null");
  });
});

describe("resolveOutput", () => {
  it("P7: follows the reference, or the one of each stage of a parallel group", async () => {
    const blobs = new InMemoryBlobStore();
    await blobs.put("a", [1]);
    const reference = { $blob: "a", bytes: 3 };
    expect(await resolveOutput(reference, blobs)).toEqual([1]);
    expect(await resolveOutput({ x: reference, y: 2 }, blobs)).toEqual({ x: [1], y: 2 });
    for (const plain of [{ y: 2 }, [reference], null, 0]) expect(await resolveOutput(plain, blobs)).toBe(plain);
  });
});
