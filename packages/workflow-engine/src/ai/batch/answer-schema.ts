// From a zod schema to the JSON schema that a provider's structured output takes, and from its answer back to a value. The providers
// want an object at the root, so any other shape travels as `{ value }`.
import { z } from "zod";

/** A JSON schema. */
export type JsonSchema = Record<string, unknown>;

/** One schema is asked for many times: by each request of a batch, and again by each result. */
const known = new WeakMap<z.ZodType, { answer: JsonSchema; isWrapped: boolean }>();

/** The JSON schema of a model's answer: what goes into `schema.parse`, every object closed, an object at the root. Not to be changed. */
export function answerSchemaOf(schema: z.ZodType): JsonSchema {
  return describe(schema).answer;
}

function describe(schema: z.ZodType): { answer: JsonSchema; isWrapped: boolean } {
  const found = known.get(schema);
  if (found) return found;
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const closed = walk(json, close);
  const isWrapped = closed["type"] !== "object";
  const described = { answer: isWrapped ? wrapped(closed) : closed, isWrapped };
  known.set(schema, described);
  return described;
}

function wrapped({ $defs, ...value }: JsonSchema): JsonSchema {
  return {
    type: "object",
    properties: { value },
    required: ["value"],
    additionalProperties: false,
    ...($defs !== undefined && { $defs }),
  };
}

/** True when every object requires all its properties, as OpenAI's strict mode wants it. */
export function isStrict(json: JsonSchema): boolean {
  let isStrict = true;
  walk(json, (node) => {
    const properties = node["properties"];
    if (node["type"] === "object" && node["additionalProperties"] !== false) isStrict = false;
    if (typeof properties !== "object" || properties === null) return node;
    const required = Array.isArray(node["required"]) ? node["required"] : [];
    if (Object.keys(properties).some((key) => !required.includes(key))) isStrict = false;
    return node;
  });
  return isStrict;
}

/** The schema without these keywords, wherever they stand. */
export function withoutKeywords(json: JsonSchema, keywords: ReadonlySet<string>): JsonSchema {
  return walk(json, (node) => Object.fromEntries(Object.entries(node).filter(([key]) => !keywords.has(key))));
}

/** What an answer's text is worth: a value that fits the schema, or why there is none. */
export type ParsedAnswer = { ok: true; value: unknown } | { ok: false; error: string };

/** Parses an answer with its schema; without one the text is the value. Never throws. */
export async function parseAnswer(text: string, schema: z.ZodType | undefined): Promise<ParsedAnswer> {
  if (!schema) return { ok: true, value: text };
  let json: unknown;
  try {
    json = JSON.parse(unfenced(text));
  } catch {
    return { ok: false, error: `The answer is no JSON: ${text.slice(0, 200)}` };
  }
  const isEnvelope = describe(schema).isWrapped && typeof json === "object" && json !== null && Object.keys(json).join() === "value";
  const parsed = await schema.safeParseAsync(isEnvelope ? (json as { value: unknown }).value : json);
  if (parsed.success) return { ok: true, value: parsed.data };
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "(root)"}: ${message}`);
  return { ok: false, error: `The answer does not fit its schema: ${issues.join(", ")}` };
}

/** Models that were not asked strictly like to put a fence around their JSON. */
function unfenced(text: string): string {
  return /^\s*```(?:json)?\s*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text;
}

function close(node: JsonSchema): JsonSchema {
  const { default: _, ...rest } = node;
  return rest["type"] === "object" && rest["additionalProperties"] === undefined && rest["properties"] !== undefined
    ? { ...rest, additionalProperties: false }
    : rest;
}

const maps = new Set(["properties", "$defs", "definitions", "patternProperties"]);
const plain = new Set(["enum", "const", "required", "examples", "default"]);

/** Applies `change` to every schema in a schema; names of properties are no keywords. */
function walk(node: JsonSchema, change: (node: JsonSchema) => JsonSchema): JsonSchema {
  const inner = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inner);
    return typeof value === "object" && value !== null ? walk(value as JsonSchema, change) : value;
  };
  const entries = Object.entries(node).map(([key, value]): [string, unknown] => {
    if (plain.has(key)) return [key, value];
    if (!maps.has(key)) return [key, inner(value)];
    return [key, Object.fromEntries(Object.entries(value as object).map(([name, one]) => [name, inner(one)]))];
  });
  return change(Object.fromEntries(entries));
}
