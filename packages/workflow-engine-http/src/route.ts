// A route as data: its address, what it takes, what it answers. The handler, the OpenAPI document and the fuzzer all read the same.
import type { z } from "zod";
import type { ApiParts } from "./api-parts.ts";
import type { ApiAction } from "./authorize.ts";
import { ApiProblem, type FieldIssue } from "./problem.ts";

/** A request as a route gets it, checked. */
export interface Call<Q, B> {
  readonly api: ApiParts;
  readonly request: Request;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
}

/** One answer of a route. */
export interface Answer {
  description: string;
  schema?: z.ZodType;
  /** True when it can also be a stream of server-sent events of this schema. */
  isStream?: boolean;
}

/** One route. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** As in OpenAPI: `/runs/{runId}`. */
  readonly path: string;
  readonly action: ApiAction;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** True when a request without a body is fine. */
  readonly isBodyOptional?: boolean;
  /** Request headers it reads, with what they are for. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of problems it may answer, beside those that all routes may. */
  readonly problems?: readonly number[];
  handle(call: Call<unknown, unknown>): Promise<Response>;
}

/** Declares a route with the types of what it takes. */
export function route<Q extends z.ZodObject = z.ZodObject, B extends z.ZodType = z.ZodType>(
  definition: Omit<Route, "query" | "body" | "handle"> & {
    query?: Q;
    body?: B;
    handle(call: Call<z.output<Q>, z.output<B>>): Promise<Response>;
  },
): Route {
  return definition as unknown as Route;
}

/** Checks a value that a caller sent; throws ApiProblem with the path of each misfit. */
export function check<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalidRequest("INVALID_REQUEST", issuesOf(parsed.error, where));
}

/** The misfits that zod found, each with the path from `where`; 20 at most. */
export function issuesOf(error: z.ZodError, ...where: string[]): FieldIssue[] {
  return error.issues.slice(0, 20).map(({ path, message }) => ({ path: [...where, ...path].map(String).join("."), message }));
}

/** A 400 that names the fields. */
export function invalidRequest(code: "INVALID_REQUEST" | "INVALID_INPUT" | "INVALID_CONFIG", issues: FieldIssue[]): ApiProblem {
  const told = issues.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
  return new ApiProblem(400, code, `The request is not valid: ${told.join("; ")}`, { issues });
}

/** An answer as JSON. */
export function json(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
  });
}
