// Config schemas that many stages share, and functions that add them to a stage's own. The stage's own fields win over a
// preset's of the same name, and its refinements stay.

import { z } from "zod";
import { DEFAULT_MODEL_KEY } from "../models/keys.ts";

/** Config of a stage that calls a model. */
export const AIConfigSchema = z.object({
  model: z.string().default(DEFAULT_MODEL_KEY).describe("Key of the model to use"),
  temperature: z.number().min(0).max(2).default(0.7).describe("0 is the most deterministic, 2 the most varied"),
  maxTokens: z.number().int().positive().optional().describe("Longest answer in tokens"),
});

/** Config of a stage that calls a model and lets the caller choose nothing else. */
export const MinimalAIConfigSchema = AIConfigSchema.pick({ model: true });

/** Config of a stage that has nothing to configure. */
export const EmptyConfigSchema = z.object({});

/** Config of a stage that works on several things at once. */
export const ConcurrencyConfigSchema = z.object({
  concurrency: z.number().positive().default(5).describe("How many at a time"),
  delayMs: z.number().min(0).default(0).describe("Milliseconds between two starts"),
  maxRetries: z.number().min(0).default(3).describe("Further tries for each"),
});

/** Config of a stage with switches. */
export const FeatureFlagsConfigSchema = z.object({
  featureFlags: z.record(z.string(), z.boolean()).default({}).describe("Switches by name"),
});

/** Config of a stage that can explain itself or only pretend. */
export const DebugConfigSchema = z.object({
  verbose: z.boolean().default(false).describe("Logs more"),
  dryRun: z.boolean().default(false).describe("Changes nothing outside"),
});

type AIShape = typeof AIConfigSchema.shape;
type ConcurrencyShape = typeof ConcurrencyConfigSchema.shape;
type FeatureFlagsShape = typeof FeatureFlagsConfigSchema.shape;
type DebugShape = typeof DebugConfigSchema.shape;

/** A stage's own config schema with the fields of a preset beside its own. */
export type WithPreset<TPreset extends z.ZodRawShape, TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig> = z.ZodObject<
  Omit<TPreset, keyof TOwn> & TOwn extends infer TShape extends z.ZodRawShape ? { [K in keyof TShape]: TShape[K] } : never,
  TRest
>;

function withPreset<TPreset extends z.ZodRawShape, TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
  preset: TPreset,
): WithPreset<TPreset, TOwn, TRest> {
  const missing = Object.fromEntries(Object.entries(preset).filter(([key]) => !Object.hasOwn(own.shape, key)));
  // The shape is unknown here, so is what may be added to it; the result's type says it.
  return (own as unknown as z.ZodObject<Record<never, never>>).safeExtend(missing) as unknown as WithPreset<TPreset, TOwn, TRest>;
}

/** Adds model, temperature and maxTokens. */
export function withAIConfig<TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
): WithPreset<AIShape, TOwn, TRest> {
  return withPreset(own, AIConfigSchema.shape);
}

/** Adds concurrency, delayMs and maxRetries. */
export function withConcurrency<TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
): WithPreset<ConcurrencyShape, TOwn, TRest> {
  return withPreset(own, ConcurrencyConfigSchema.shape);
}

/** Adds featureFlags. */
export function withFeatureFlags<TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
): WithPreset<FeatureFlagsShape, TOwn, TRest> {
  return withPreset(own, FeatureFlagsConfigSchema.shape);
}

/** Adds verbose and dryRun. */
export function withDebug<TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
): WithPreset<DebugShape, TOwn, TRest> {
  return withPreset(own, DebugConfigSchema.shape);
}

/** Adds the fields of withAIConfig, withConcurrency and withFeatureFlags. */
export function withStandardConfig<TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
): WithPreset<AIShape & ConcurrencyShape & FeatureFlagsShape, TOwn, TRest> {
  return withPreset(own, { ...AIConfigSchema.shape, ...ConcurrencyConfigSchema.shape, ...FeatureFlagsConfigSchema.shape });
}

/** Adds the fields of withStandardConfig and withDebug. */
export function withFullConfig<TOwn extends z.ZodRawShape, TRest extends z.core.$ZodObjectConfig>(
  own: z.ZodObject<TOwn, TRest>,
): WithPreset<AIShape & ConcurrencyShape & FeatureFlagsShape & DebugShape, TOwn, TRest> {
  return withPreset(own, {
    ...AIConfigSchema.shape,
    ...ConcurrencyConfigSchema.shape,
    ...FeatureFlagsConfigSchema.shape,
    ...DebugConfigSchema.shape,
  });
}

/** What presets in a stage's config say about its model calls. */
export interface AIPresets {
  calls: { model?: string | undefined; temperature?: number | undefined; maxTokens?: number | undefined };
  /** Calls at a time, milliseconds between two starts, further tries. */
  pace?: { concurrency: number; delayMs: number; maxRetries: number } | undefined;
}

/**
 * Reads the presets off a config. A field counts when its preset is in the schema: a stage that has, say, a temperature of its own and
 * neither a preset's model nor its maxTokens means something else by it.
 */
export function aiPresetsOf(schema: z.ZodType, config: unknown): AIPresets {
  const shape = schema instanceof z.ZodObject ? schema.shape : {};
  const values = (typeof config === "object" && config !== null ? config : {}) as Record<string, unknown>;
  const number = (name: string): number | undefined => (typeof values[name] === "number" ? values[name] : undefined);
  const model = typeof values["model"] === "string" ? values["model"] : undefined;
  const calls = hasPreset(shape, AIConfigSchema.shape) ? { model, temperature: number("temperature"), maxTokens: number("maxTokens") } : {};
  if (!hasPreset(shape, ConcurrencyConfigSchema.shape)) return { calls };
  return {
    calls,
    pace: { concurrency: number("concurrency") ?? 5, delayMs: number("delayMs") ?? 0, maxRetries: number("maxRetries") ?? 3 },
  };
}

function hasPreset(shape: z.ZodRawShape, preset: z.ZodRawShape): boolean {
  return Object.entries(preset).some(([name, field]) => shape[name] === field);
}
