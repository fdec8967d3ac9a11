// What every adapter has in common: one host for one invocation, opened for it and closed after it, also when it failed. Where a connection
// may outlive an invocation (Lambda, Vercel), `open` answers the same host each time and no `close`.

import type { TimeLimit } from "./deadline.ts";
import { type HandleJobResult, type JobMessage, requireJobMessage } from "./job-message.ts";
import type { ServerlessHost } from "./serverless-host.ts";

/** A host, and how to let go of what it stands on. */
export interface ServerlessInvocation {
  host: ServerlessHost;
  /** Closes the store; called once the invocation's work is done. */
  close?: (() => Promise<void>) | undefined;
}

/** Opens the host of one invocation from what the platform hands in, e.g. its bindings. */
export type OpenInvocation<Given extends unknown[]> = (...given: Given) => ServerlessInvocation | Promise<ServerlessInvocation>;

/** Works with a host and closes it whatever happens. */
export async function withInvocation<T>(
  opening: ServerlessInvocation | Promise<ServerlessInvocation>,
  work: (host: ServerlessHost) => Promise<T>,
): Promise<T> {
  const { host, close } = await opening;
  try {
    return await work(host);
  } finally {
    await close?.();
  }
}

/** Handles a message whose every failure is a value: an error of the store is one more reason to deliver it again; what is no job never is. */
export async function handleSafely(host: ServerlessHost, body: unknown, limit: TimeLimit): Promise<HandleJobResult> {
  let message: JobMessage;
  try {
    message = requireJobMessage(body);
  } catch (error) {
    return { outcome: "failed", error: textOf(error), retryable: false };
  }
  try {
    return await host.handleJob(message, limit);
  } catch (error) {
    return { outcome: "failed", error: textOf(error), retryable: true };
  }
}

/** True when the queue should deliver the message again. */
export function wantsRedelivery({ outcome, retryable }: HandleJobResult): boolean {
  return outcome === "failed" && retryable !== false;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
