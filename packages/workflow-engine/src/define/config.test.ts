// A run's configuration: merged deeply, parsed, and every fault named (P1).

import { describe, expect, it } from "vitest";
import { z } from "zod";
import { defaultsOf, parseConfig } from "./config.ts";
import { createPlan } from "./plan.ts";
import { defineStage } from "./stage.ts";

function workflow(schemas: Record<string, z.ZodType>) {
  const stages = Object.entries(schemas).map(([id, config]) =>
    defineStage({ id, name: id, schemas: { input: "none", output: z.unknown(), config }, execute: () => ({ output: 1 }) }),
  );
  return { plan: createPlan("w", [{ stages, isParallel: true, onFailure: "abort" }]) };
}

const Nested = z.object({
  model: z.string().default("m"),
  limits: z
    .object({ pages: z.number(), bytes: z.number(), deep: z.object({ a: z.number(), b: z.number() }) })
    .default({ pages: 1, bytes: 2, deep: { a: 3, b: 4 } }),
});

describe("P1: parseConfig", () => {
  it("fills every stage's defaults in, also of stages not mentioned", () => {
    const parsed = parseConfig(workflow({ a: Nested, b: z.object({ n: z.number().default(5) }) }), { a: { model: "x" } });
    expect(parsed).toEqual({
      valid: true,
      config: { a: { model: "x", limits: { pages: 1, bytes: 2, deep: { a: 3, b: 4 } } }, b: { n: 5 } },
      errors: [],
    });
    expect(parseConfig(workflow({ a: z.object({}) }), undefined)).toMatchObject({ valid: true, config: { a: {} } });
  });

  it("merges deeply into what is given", () => {
    const parsed = parseConfig(workflow({ a: Nested }), { a: { limits: { pages: 9, deep: { b: 8 } } } });
    expect(parsed).toMatchObject({ config: { a: { model: "m", limits: { pages: 9, bytes: 2, deep: { a: 3, b: 8 } } } } });
  });

  it("merges the defaults of fields also when others are required", () => {
    const parsed = parseConfig(workflow({ a: Nested.extend({ key: z.string() }) }), { a: { key: "k", limits: { pages: 9 } } });
    expect(parsed).toMatchObject({ config: { a: { key: "k", limits: { pages: 9, bytes: 2 } } } });
  });

  it("keeps falsy values and replaces lists whole", () => {
    const schema = z.object({ n: z.number().default(5), list: z.array(z.number()).default([1, 2]), on: z.boolean().default(true) });
    expect(parseConfig(workflow({ a: schema }), { a: { n: 0, list: [], on: false } })).toMatchObject({
      config: { a: { n: 0, list: [], on: false } },
    });
  });

  it("does not feed a default through a transform that made it", () => {
    const schema = z.object({
      n: z.string().transform(Number).default(3),
      at: z.object({ x: z.string().transform(Number) }).default({ x: 1 }),
    });
    expect(parseConfig(workflow({ a: schema }), { a: { at: { x: "2" } } })).toMatchObject({ config: { a: { n: 3, at: { x: 2 } } } });
  });

  it("names stage and field path of everything wrong at once", () => {
    const parsed = parseConfig(workflow({ a: Nested, b: z.object({ key: z.string() }) }), {
      a: { model: 1, limits: { deep: { a: "x" } } },
    });
    expect(parsed.valid).toBe(false);
    expect(parsed.errors.map(({ stageId }) => stageId)).toEqual(["a", "b"]);
    expect(parsed.errors[0]?.error).toMatch(/^Config validation failed: model: .+; limits\.deep\.a: .+$/);
    expect(parsed.errors[1]?.error).toMatch(/^Config validation failed: key: .+$/);
  });

  it("names the root when the whole is wrong", () => {
    expect(parseConfig(workflow({ a: Nested }), { a: 7 }).errors[0]?.error).toMatch(/^Config validation failed: \(root\): /);
  });

  it("names a stage the workflow does not have, and those it has", () => {
    expect(parseConfig(workflow({ a: z.object({}), b: z.object({}) }), { c: {} })).toEqual({
      valid: false,
      errors: [{ stageId: "c", error: 'Unknown stage. Stages of workflow "w": a, b' }],
    });
    expect(parseConfig(workflow({ a: z.object({}) }), JSON.parse('{"__proto__": {"x": 1}}')).valid).toBe(false);
  });

  it("reports a schema that throws instead of throwing", () => {
    const schema = z.object({ n: z.number().default(1) }).refine(async () => true);
    expect(parseConfig(workflow({ a: schema }), {}).errors[0]?.error).toMatch(/^Config validation failed: \(root\): /);
  });
});

describe("defaultsOf", () => {
  it("is all of it when nothing is required, else the fields that have defaults", () => {
    expect(defaultsOf(z.object({ a: z.number().default(1), b: z.string().optional() }))).toEqual({ a: 1 });
    expect(defaultsOf(z.object({ a: z.number().default(1), b: z.string() }))).toEqual({ a: 1 });
    expect(defaultsOf(z.string())).toEqual({});
    expect(defaultsOf(z.unknown())).toEqual({});
  });
});
