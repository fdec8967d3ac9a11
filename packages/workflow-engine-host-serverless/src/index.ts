// Entry `@bratsos/workflow-engine-host-serverless`: a host for functions that live for a second. No node import anywhere behind it.

export type { Deadline, TimeLimit } from "./deadline.ts";
export type { OpenInvocation, ServerlessInvocation } from "./invocation.ts";
export { type HandleJobResult, type JobMessage, requireJobMessage } from "./job-message.ts";
export { createQueueTransport, type QueueSend, type QueueSendOptions, type QueueTransportOptions } from "./queue-transport.ts";
export {
  createServerlessHost,
  type ProcessJobsOptions,
  type ProcessJobsResult,
  type ServerlessHost,
  type ServerlessHostConfig,
  type TickResult,
} from "./serverless-host.ts";
