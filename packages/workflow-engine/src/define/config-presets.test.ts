// Shared config fields: defaults, bounds, and that they give way to a stage's own.

import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  AIConfigSchema,
  ConcurrencyConfigSchema,
  DebugConfigSchema,
  EmptyConfigSchema,
  FeatureFlagsConfigSchema,
  MinimalAIConfigSchema,
  withAIConfig,
  withConcurrency,
  withDebug,
  withFeatureFlags,
  withFullConfig,
  withStandardConfig,
} from "./config-presets.ts";

const ai = { model: "gemini-2.5-flash", temperature: 0.7 };
const concurrency = { concurrency: 5, delayMs: 0, maxRetries: 3 };
const flags = { featureFlags: {} };
const debug = { verbose: false, dryRun: false };
const Own = z.object({ customField: z.string() });

describe("presets", () => {
  it("have their defaults", () => {
    expect(AIConfigSchema.parse({})).toEqual(ai);
    expect(MinimalAIConfigSchema.parse({})).toEqual({ model: ai.model });
    expect(EmptyConfigSchema.parse({})).toEqual({});
    expect(ConcurrencyConfigSchema.parse({})).toEqual(concurrency);
    expect(FeatureFlagsConfigSchema.parse({})).toEqual(flags);
    expect(DebugConfigSchema.parse({})).toEqual(debug);
  });

  it("have their bounds", () => {
    expect(AIConfigSchema.safeParse({ temperature: 2.1 }).success).toBe(false);
    for (const wrong of [{ concurrency: 0 }, { delayMs: -1 }, { maxRetries: -1 }]) {
      expect(ConcurrencyConfigSchema.safeParse(wrong).success).toBe(false);
    }
  });

  it.each([
    ["withAIConfig", withAIConfig(Own), ai],
    ["withConcurrency", withConcurrency(Own), concurrency],
    ["withFeatureFlags", withFeatureFlags(Own), flags],
    ["withDebug", withDebug(Own), debug],
    ["withStandardConfig", withStandardConfig(Own), { ...ai, ...concurrency, ...flags }],
    ["withFullConfig", withFullConfig(Own), { ...ai, ...concurrency, ...flags, ...debug }],
  ])("%s adds its fields", (_name, schema, added) => {
    expect(schema.parse({ customField: "x" })).toEqual({ customField: "x", ...added });
    expect(schema.safeParse({}).success).toBe(false);
  });

  it("leave a stage's own fields, refinements and strictness alone", () => {
    const own = z.strictObject({ model: z.literal("mine").default("mine"), n: z.number() }).refine(({ n }) => n > 0, "n must be positive");
    const schema = withAIConfig(own);
    const parsed = schema.parse({ n: 1 });
    const model: "mine" = parsed.model;
    expect(parsed).toEqual({ model, temperature: 0.7, n: 1 });
    expect(schema.safeParse({ n: 0 }).error?.issues[0]?.message).toBe("n must be positive");
    expect(schema.safeParse({ n: 1, other: 1 }).success).toBe(false);
  });
});
