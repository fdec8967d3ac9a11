// A fingerprint changes with the shape, and with nothing else.

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { canonicalJson, fingerprintSchema, hashText } from "./fingerprint.ts";

describe("hashText", () => {
  it("gives the published values of cyrb53", () => {
    expect(hashText("a")).toBe((7929297801672961).toString(16).padStart(14, "0"));
    expect(hashText("b")).toBe((8684336938537663).toString(16).padStart(14, "0"));
    expect(hashText("revenge")).toBe((4051478007546757).toString(16).padStart(14, "0"));
  });
});

describe("canonicalJson", () => {
  it("does not depend on the order of keys", () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe(canonicalJson({ a: null, b: [{ c: 2, d: 1 }] }));
  });
});

describe("fingerprintSchema", () => {
  const base = z.object({ text: z.string().min(1), tags: z.array(z.string()).optional() });

  it("is equal for equal shapes, whatever their prose", () => {
    const told = z.object({ tags: z.array(z.string()).optional().describe("Labels"), text: z.string().min(1) }).meta({ title: "Base" });
    expect(fingerprintSchema(told)).toBe(fingerprintSchema(base));
  });

  it.each([
    ["a new field", base.extend({ more: z.boolean() })],
    ["another type", base.extend({ text: z.number() })],
    ["another bound", base.extend({ text: z.string().min(2) })],
    ["a field named like prose", base.extend({ default: z.string(), description: z.string() })],
  ])("differs with %s", (_change, schema) => {
    expect(fingerprintSchema(schema)).not.toBe(fingerprintSchema(base));
  });

  it("does not look at computed defaults", () => {
    let count = 0;
    const schema = () => z.object({ id: z.number().default(() => ++count), nested: z.object({ id: z.number().prefault(() => ++count) }) });
    expect(fingerprintSchema(schema())).toBe(fingerprintSchema(schema()));
    expect(count).toBeGreaterThan(0);
  });

  it("counts a schema that JSON Schema cannot express by its kind", () => {
    const kinds = [z.date(), z.bigint(), z.map(z.string(), z.string()), z.any(), z.object({ at: z.date() }), z.object({ at: z.bigint() })];
    expect(new Set(kinds.map(fingerprintSchema)).size).toBe(kinds.length);
    expect(fingerprintSchema(z.string().transform(Number))).toBe(fingerprintSchema(z.string().transform(Boolean)));
  });

  it("takes a schema that contains itself", () => {
    const tree: z.ZodType = z.object({
      get children() {
        return z.array(tree);
      },
    });
    expect(fingerprintSchema(tree)).toHaveLength(14);
  });
});
