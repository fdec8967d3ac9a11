// The OpenAPI 3.1 document, made of the same schemas that check requests: its schema dialect is JSON Schema 2020-12, which zod writes.
import { z } from "zod";
import type { Answer, Route } from "./route.ts";
import { problem } from "./schemas/index.ts";

type Json = Record<string, unknown>;

/** What a document is made for. */
export interface OpenApiOptions {
  title: string;
  version: string;
  basePath: string;
}

/** Problems that every route may answer. */
const COMMON_PROBLEMS = [400, 401, 403, 500, 503];

/** The document of these routes. */
export function openApiDocument(routes: readonly Route[], { title, version, basePath }: OpenApiOptions): Json {
  const components: Json = {};
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = (paths[route.path] ??= {});
    path[route.method.toLowerCase()] = operationOf(route, components);
  }
  return {
    openapi: "3.1.1",
    info: { title, version },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ bearer: [] }],
    paths,
    components: { schemas: components, securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
  };
}

function operationOf(route: Route, components: Json): Json {
  const statuses = [...new Set([...COMMON_PROBLEMS, ...(route.problems ?? []), ...(route.body ? [413, 415] : [])])];
  return {
    operationId: operationIdOf(route),
    summary: route.summary,
    "x-action": route.action,
    parameters: [...pathParameters(route), ...queryParameters(route, components), ...headerParameters(route)],
    ...(route.body && {
      requestBody: {
        required: !route.isBodyOptional,
        content: { "application/json": { schema: schemaOf(route.body, "input", components) } },
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer, components)])),
      ...Object.fromEntries(statuses.map((status) => [status, problemAnswer(components)])),
    },
  };
}

function operationIdOf({ method, path }: Route): string {
  const words = path.split(/[/{}-]+/).filter((word) => word !== "");
  return method.toLowerCase() + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
}

function pathParameters({ path }: Route): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1 },
  }));
}

function queryParameters({ query }: Route, components: Json): Json[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...rest } = schemaOf(schema as z.ZodType, "output", components);
    return { name, in: "query", required: false, ...(description !== undefined && { description }), schema: rest };
  });
}

function headerParameters({ headers = {} }: Route): Json[] {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  }));
}

function answerOf({ description, schema, isStream }: Answer, components: Json): Json {
  if (!schema) return { description };
  const content: Json = { "application/json": { schema: schemaOf(schema, "output", components) } };
  if (isStream) content["text/event-stream"] = { schema: { type: "string" } };
  return { description, content };
}

function problemAnswer(components: Json): Json {
  const schema = schemaOf(problem, "output", components);
  return { description: "A problem (RFC 9457) with a stable code.", content: { "application/problem+json": { schema } } };
}

/** One schema; those that have an id of their own go to the components. */
function schemaOf(schema: z.ZodType, io: "input" | "output", components: Json): Json {
  // inside an object even the outermost schema with an id becomes a reference
  const whole = z.toJSONSchema(z.object({ it: schema }), { io, unrepresentable: "any" }) as {
    properties: Json;
    $defs?: Record<string, Json>;
  };
  for (const [name, found] of Object.entries(whole.$defs ?? {})) {
    const { id: _, ...rest } = found;
    components[name] = repoint(rest);
  }
  return repoint(whole.properties["it"]) as Json;
}

function repoint(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(repoint);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) =>
      key === "$ref" && typeof part === "string" ? [key, part.replace("#/$defs/", "#/components/schemas/")] : [key, repoint(part)],
    ),
  );
}
