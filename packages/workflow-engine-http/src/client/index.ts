// Entry `@bratsos/workflow-engine-http/client`: the typed client, for browsers and every other runtime with fetch.
export { ApiError, RunFailedError } from "./api-error.ts";
export type { ClientEnvironment } from "./client-environment.ts";
export { type ClientOptions, type ClientWorkflows, createClient, type WorkflowClient } from "./create-client.ts";
export { RunHandle } from "./run-handle.ts";
export type * from "./types.ts";
