// A job: one stage execution that waits for a worker, or is leased by one.
import type { Status } from "./status.ts";

/** What `enqueue` takes. A transport ignores a `jobId` it already has, so that a second delivery is harmless. */
export interface EnqueueJobInput {
  workflowRunId: string;
  workflowId: string;
  stageId: string;
  /** Higher first; default 5. */
  priority?: number | undefined;
  payload?: Record<string, unknown> | undefined;
  /** Not before this instant; at once when absent. */
  scheduledFor?: Date | undefined;
  jobId?: string | undefined;
  /** Tries before this one; default 0. */
  attempt?: number | undefined;
  /** Default 3. */
  maxAttempts?: number | undefined;
}

/** A leased job. `attempt` counts from 1. */
export interface DequeueResult {
  jobId: string;
  workflowRunId: string;
  workflowId: string;
  stageId: string;
  priority: number;
  attempt: number;
  maxAttempts: number;
  payload: Record<string, unknown>;
}

/** A job as kept by a queue. */
export interface JobRecord {
  id: string;
  createdAt: Date;
  updatedAt: Date;
  workflowRunId: string;
  workflowId: string;
  stageId: string;
  status: Status;
  priority: number;
  workerId: string | null;
  lockedAt: Date | null;
  startedAt: Date | null;
  completedAt: Date | null;
  attempt: number;
  maxAttempts: number;
  lastError: string | null;
  nextPollAt: Date | null;
  payload: Record<string, unknown>;
}
