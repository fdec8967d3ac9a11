// A job as a message of somebody else's queue, and what its consumer does with it. The queue owns the retries: the engine does not put the
// job back as well (settled question 3).
import type { Kernel } from "@bratsos/workflow-engine";
import type { WorkSession } from "@bratsos/workflow-engine/host";
import { WorkflowEngineError } from "@bratsos/workflow-engine/kernel";
import { startBudget, type TimeLimit } from "./deadline.ts";

/** A job, as `createQueueTransport` sends it and `handleJob` takes it; a job of a transport's `dequeue` is one too. */
export interface JobMessage {
  jobId: string;
  workflowRunId: string;
  workflowId: string;
  stageId: string;
  /** Number of this try, from 1; the engine counts itself where a queue does not. */
  attempt: number;
  maxAttempts?: number | undefined;
  priority?: number | undefined;
  /** `config` by stage id (the run's own when absent) and the job's `executionId`. */
  payload?: Record<string, unknown> | undefined;
}

/** What to do with the message: forget it after `completed` and `suspended`, have it delivered again after `failed`. */
export interface HandleJobResult {
  outcome: "completed" | "suspended" | "failed";
  error?: string;
  /** After `failed`: true when another delivery will be executed; false when the stage has FAILED for good, so that it may be forgotten. */
  retryable?: boolean;
  /** After `failed`: milliseconds until another delivery makes sense. */
  retryAfterMs?: number;
  /** After `completed`: there was nothing to do any more, e.g. because the run was cancelled or run again. */
  discarded?: boolean;
}

/** What the handler of one message needs. */
export interface JobHandling {
  kernel: Kernel;
  session: WorkSession;
  staleLeaseThresholdMs: number;
}

/** Checks what came out of a queue; throws INVALID_COMMAND when it is no job. */
export function requireJobMessage(body: unknown): JobMessage {
  const message = (typeof body === "object" && body !== null ? body : {}) as Partial<JobMessage>;
  for (const field of ["jobId", "workflowRunId", "workflowId", "stageId"] as const) {
    if (typeof message[field] === "string" && message[field] !== "") continue;
    throw new WorkflowEngineError("INVALID_COMMAND", `handleJob: the message has no ${field}. Send what createQueueTransport sends.`);
  }
  const { attempt } = message;
  return { ...(message as JobMessage), attempt: Number.isSafeInteger(attempt) && Number(attempt) > 0 ? Number(attempt) : 1 };
}

/** Executes the stage of one message and moves its run on. */
export async function handleJobMessage(
  { kernel, session, staleLeaseThresholdMs }: JobHandling,
  message: JobMessage,
  limit: TimeLimit,
): Promise<HandleJobResult> {
  const { jobId, workflowRunId, workflowId, stageId, attempt, maxAttempts, payload = {} } = requireJobMessage(message);
  const { config, executionId } = payload as { config?: Record<string, unknown>; executionId?: string };
  const budget = startBudget(kernel.work.environment, limit);
  if (budget.isOver()) return { outcome: "failed", error: "Not begun: the time budget is over", retryable: true, retryAfterMs: 0 };
  try {
    const { result, retryAfterMs } = await session.deliver(
      {
        type: "job.execute",
        idempotencyKey: `job:${jobId}:attempt:${attempt}`,
        ...{ workflowRunId, workflowId, stageId, config, jobId, executionId, attempt, maxAttempts, retry: "caller" },
      },
      { staleLeaseThresholdMs, handBack: budget.signal },
    );
    if (result.outcome !== "failed") return { outcome: result.outcome };
    if (result.discarded) return { outcome: "completed", discarded: true };
    const error = result.error ?? "failed";
    return { outcome: "failed", error, retryable: result.retryable ?? false, ...(retryAfterMs !== null && { retryAfterMs }) };
  } finally {
    budget.end();
  }
}
