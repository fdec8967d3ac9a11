// The next stage's job as a message of the platform's queue: `createKernel({ ...store, jobTransport: createQueueTransport(send), registry })`.
// A job is sent after the commit that opened its stage, and sent again by the next tick when that failed (P4).
import { type EnqueueJobInput, type Environment, type JobTransport, realEnvironment } from "@bratsos/workflow-engine/kernel";
import type { JobMessage } from "./job-message.ts";

/** How a message is to be sent. */
export interface QueueSendOptions {
  /** Milliseconds the queue should keep the message back; 0 for none. */
  delayMs: number;
}

/** Hands one message to the platform's queue; resolves when the queue has it. */
export type QueueSend = (message: JobMessage, options: QueueSendOptions) => Promise<unknown> | unknown;

/** Options of `createQueueTransport`. */
export interface QueueTransportOptions {
  /** The clock of delays; the real one unless given. */
  environment?: Pick<Environment, "now"> | undefined;
  /** Milliseconds after which the tick sends a job again that nothing has moved: lost, never sent, or given up by the queue. Default 5 minutes. */
  resendAfterMs?: number | undefined;
}

const defaultResendAfterMs = 5 * 60_000;

/** A transport whose queue calls the function by itself: it sends, and there is nothing to dequeue. */
export function createQueueTransport(send: QueueSend, options: QueueTransportOptions = {}): JobTransport {
  const { environment = realEnvironment, resendAfterMs = defaultResendAfterMs } = options;
  const enqueue = async (input: EnqueueJobInput): Promise<string> => {
    const message = messageOf(input);
    await send(message, { delayMs: Math.max(0, (input.scheduledFor?.getTime() ?? 0) - environment.now()) });
    return message.jobId;
  };
  return {
    resendAfterMs,
    enqueue,
    enqueueParallel: (inputs) => Promise.all(inputs.map(enqueue)),
    dequeue: async () => null,
    dequeueMany: async () => [],
    complete: async () => undefined,
    suspend: async () => undefined,
    fail: async () => undefined,
    getSuspendedJobsReadyToPoll: async () => [],
    releaseStaleJobs: async () => 0,
  };
}

/** The config stays with the run, where `handleJob` finds it: queues have limits on the size of a message. */
function messageOf({
  jobId,
  workflowRunId,
  workflowId,
  stageId,
  priority,
  attempt = 0,
  maxAttempts,
  payload,
}: EnqueueJobInput): JobMessage {
  const { config: _, ...rest } = payload ?? {};
  return {
    jobId: jobId ?? `${workflowRunId}/${encodeURIComponent(stageId)}/0/${attempt}`,
    ...{ workflowRunId, workflowId, stageId, attempt: attempt + 1 },
    ...(maxAttempts !== undefined && { maxAttempts }),
    ...(priority !== undefined && { priority }),
    payload: rest,
  };
}
