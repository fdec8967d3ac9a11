// A run's configuration: a map of stage id to config, laid over the defaults of each stage and parsed by its schema (P1).
// Any failure names the stage and the field path; all failures are told at once.

import { z } from "zod";
import type { WorkflowPlan } from "./plan.ts";
import type { AnyStage } from "./stage.ts";

/** Configs by stage id. */
export type ConfigMap = Readonly<Record<string, unknown>>;

/** What is wrong with the config of one stage. */
export interface ConfigError {
  stageId: string;
  error: string;
}

/** Every stage's parsed config, or everything that is wrong. */
export type ParsedConfig = { valid: true; config: Record<string, unknown>; errors: [] } | { valid: false; errors: ConfigError[] };

/** Lays a config map over the defaults of a workflow's stages, deeply, and parses each; an unknown stage id is an error too. */
export function parseConfig(workflow: { readonly plan: WorkflowPlan }, given: ConfigMap | null | undefined): ParsedConfig {
  const { plan } = workflow;
  const errors: ConfigError[] = Object.keys(given ?? {})
    .filter((stageId) => !plan.getStage(stageId))
    .map((stageId) => ({ stageId, error: `Unknown stage. Stages of workflow "${plan.workflowId}": ${knownIds(plan)}` }));
  const config: Record<string, unknown> = {};
  for (const { stageId, stage } of plan.stages) {
    const parsed = parseStageConfig(stage, Object.hasOwn(given ?? {}, stageId) ? given?.[stageId] : undefined);
    if (parsed.success) config[stageId] = parsed.data;
    else errors.push({ stageId, error: `Config validation failed: ${parsed.error}` });
  }
  return errors.length === 0 ? { valid: true, config, errors: [] } : { valid: false, errors };
}

function knownIds(plan: WorkflowPlan): string {
  return plan.stages.map(({ stageId }) => stageId).join(", ") || "(none)";
}

type Attempt = { success: true; data: unknown } | { success: false; error: string };

function parseStageConfig(stage: AnyStage, given: unknown): Attempt {
  const own = given ?? {};
  const merged = attempt(stage.configSchema, fillNested(own, defaultsOf(stage.configSchema)));
  if (merged.success || merged.error === "") return merged;
  // A default is of the output type: where a transform changes the type, only what was given can be parsed.
  const alone = attempt(stage.configSchema, own);
  return alone.success ? alone : merged;
}

function attempt(schema: z.ZodType, value: unknown): Attempt {
  try {
    const parsed = schema.safeParse(value);
    return parsed.success ? parsed : { success: false, error: formatIssues(parsed.error) };
  } catch (error) {
    // An asynchronous refinement, or a transform that throws.
    return { success: false, error: `(root): ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Returns `path: message; path: message` of everything a schema refused. */
export function formatIssues(error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${path.map(String).join(".") || "(root)"}: ${message}`).join("; ");
}

/**
 * Fills what is missing inside the objects that were given from those of the defaults. Keys missing at the top are left to the
 * schema, which applies its own defaults; inside a given object it does not look at the default of the object around it.
 */
function fillNested(given: unknown, defaults: unknown): unknown {
  if (!isPlainObject(given) || !isPlainObject(defaults)) return given;
  return mapValues(given, (value, key) => (Object.hasOwn(defaults, key) ? fillAll(value, defaults[key]) : value));
}

function fillAll(given: unknown, defaults: unknown): unknown {
  if (given === undefined) return defaults;
  if (!isPlainObject(given) || !isPlainObject(defaults)) return given;
  return mapValues({ ...defaults, ...given }, (value, key) =>
    Object.hasOwn(given, key) && Object.hasOwn(defaults, key) ? fillAll(value, defaults[key]) : value,
  );
}

function mapValues(source: Record<string, unknown>, map: (value: unknown, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, map(value, key)]));
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Returns the defaults of a config schema: all of it when `{}` parses, else the fields that have a default. */
export function defaultsOf(schema: z.ZodType): Record<string, unknown> {
  const whole = attempt(schema, {});
  if (whole.success) return isPlainObject(whole.data) ? whole.data : {};
  const defaults: Record<string, unknown> = {};
  if (!(schema instanceof z.ZodObject)) return defaults;
  for (const [key, field] of Object.entries(schema.shape as Record<string, z.ZodType>)) {
    const parsed = attempt(field, undefined);
    if (parsed.success && parsed.data !== undefined) defaults[key] = parsed.data;
  }
  return defaults;
}
