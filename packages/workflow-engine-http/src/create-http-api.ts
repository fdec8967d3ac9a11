// The HTTP API as a fetch handler: authorise, check, carry out, and say every failure as a problem. Runs wherever there is fetch.
import { WorkflowEngineError } from "@bratsos/workflow-engine";
import { type Context, Hono } from "hono";
import { type ApiParts, type HttpApiOptions, partsOf } from "./api-parts.ts";
import { openApiDocument } from "./openapi.ts";
import { ApiProblem, problemOf, problemResponse } from "./problem.ts";
import { readBody } from "./read-body.ts";
import { check, json, type Route, route } from "./route.ts";
import { eventRoutes } from "./routes/events.ts";
import { operationRoutes } from "./routes/operations.ts";
import { notFound, runListRoutes } from "./routes/run-lists.ts";
import { runRoutes } from "./routes/runs.ts";
import { workflowRoutes } from "./routes/workflows.ts";

const VERSION = "0.13.0";
const LONGEST_ID = 1_000;

/** The API of one kernel and store. */
export interface HttpApi {
  /** Answers a request; never rejects. Give it to any server or framework that speaks fetch. */
  fetch(request: Request): Promise<Response>;
  /** The OpenAPI 3.1 document, as `GET /openapi.json` gives it. */
  openApi(): Record<string, unknown>;
  /** Ends every event stream, so that a server can stop; their readers come again elsewhere. */
  close(): void;
}

/** Creates the API; nothing is open unless `authorize` says so. */
export function createHttpApi(options: HttpApiOptions): HttpApi {
  const parts = partsOf(options);
  const document = (): Record<string, unknown> => openApiDocument(routes, { ...parts, version: VERSION });
  const routes: readonly Route[] = [
    ...runListRoutes,
    ...runRoutes,
    ...eventRoutes,
    ...workflowRoutes,
    ...operationRoutes,
    openApiRoute(document),
  ];
  const app = new Hono({ strict: false });
  for (const one of routes) {
    app.on(one.method, parts.basePath + one.path.replace(/\{(\w+)\}/g, ":$1"), (context) => carryOut(parts, one, context));
  }
  app.notFound((context) => problemResponse(unknownRoute(parts, routes, context.req.raw)));
  app.onError((error, context) => failure(parts, context.req.raw, error));
  return { fetch: async (request) => app.fetch(request), openApi: document, close: () => parts.close() };
}

function openApiRoute(document: () => Record<string, unknown>): Route {
  return route({
    method: "GET",
    path: "/openapi.json",
    action: "openapi.read",
    summary: "Gives this document",
    answers: { 200: { description: "An OpenAPI 3.1 document." } },
    handle: async () => json(document()),
  });
}

async function carryOut(api: ApiParts, found: Route, context: Context): Promise<Response> {
  const request = context.req.raw;
  try {
    const params = context.req.param() as Record<string, string>;
    await authorise(api, request, found, params["runId"]);
    checkParams(params);
    const query = found.query ? check(found.query, Object.fromEntries(new URL(request.url).searchParams), "query") : {};
    const body = found.body ? await bodyOf(found, request, api) : undefined;
    return await found.handle({ api, request, params, query, body });
  } catch (error) {
    return failure(api, request, error);
  }
}

async function authorise(api: ApiParts, request: Request, { action }: Route, workflowRunId: string | undefined): Promise<void> {
  let answer: unknown = false;
  try {
    answer = await api.authorize({ request, action, ...(workflowRunId !== undefined && { workflowRunId }) });
  } catch (error) {
    tell(api, error, request, api.environment.newId());
  }
  if (answer === true) return;
  if (answer === "unauthenticated") {
    throw new ApiProblem(401, "UNAUTHENTICATED", "Say who you are: send an Authorization header.", {
      headers: { "www-authenticate": "Bearer" },
    });
  }
  throw new ApiProblem(403, "FORBIDDEN", `You may not do this: ${action}.`);
}

/** What no store could have as an id is nobody's. */
function checkParams(params: Record<string, string>): void {
  for (const [name, value] of Object.entries(params)) {
    if (value.length <= LONGEST_ID && !value.includes("\0") && value.isWellFormed()) continue;
    if (name === "runId") throw notFound("of this id");
    throw new WorkflowEngineError(name === "workflowId" ? "WORKFLOW_NOT_FOUND" : "RUN_NOT_FOUND", "There is nothing of this id");
  }
}

async function bodyOf(found: Route, request: Request, { maxBodyBytes }: ApiParts): Promise<unknown> {
  const body = await readBody(request, maxBodyBytes);
  if (body === undefined && found.isBodyOptional) return undefined;
  return check(found.body!, body, "body");
}

function unknownRoute({ basePath }: ApiParts, routes: readonly Route[], request: Request): ApiProblem {
  const { pathname } = new URL(request.url);
  const isSame = ({ path }: Route): boolean => {
    const pattern = path.replace(/[.]/g, "\\.").replace(/\{\w+\}/g, "[^/]+");
    return new RegExp(`^${basePath}${pattern}/?$`).test(pathname);
  };
  const allow = [...new Set(routes.filter(isSame).map(({ method }) => method))].join(", ");
  if (allow === "")
    return new ApiProblem(404, "ROUTE_NOT_FOUND", "There is nothing at this address; GET /openapi.json lists what there is.");
  return new ApiProblem(405, "METHOD_NOT_ALLOWED", `This address takes ${allow}.`, { headers: { allow } });
}

function failure(api: ApiParts, request: Request, error: unknown): Response {
  const problem = problemOf(error);
  if (problem) return problemResponse(problem);
  const errorId = api.environment.newId();
  tell(api, error, request, errorId);
  return problemResponse(new ApiProblem(500, "INTERNAL", `Something went wrong on our side; it is noted as ${errorId}.`));
}

function tell(api: ApiParts, error: unknown, request: Request, errorId: string): void {
  try {
    api.onError(error, { errorId, request });
  } catch {
    // a failing log must not fail the request
  }
}
