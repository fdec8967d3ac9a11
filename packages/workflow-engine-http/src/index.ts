// Entry `@bratsos/workflow-engine-http`: the HTTP API of a kernel and a store, for any runtime that speaks fetch.
export type { HttpApiOptions, HttpApiStore } from "./api-parts.ts";
export { type ApiAction, type Authorization, type AuthorizationContext, type Authorize, bearerToken } from "./authorize.ts";
export { createHttpApi, type HttpApi } from "./create-http-api.ts";
export type { ApiErrorCode, FieldIssue } from "./problem.ts";
