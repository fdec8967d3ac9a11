// The job queue port: what carries stage executions to workers when the store does not do it itself.
import type { DequeueResult, EnqueueJobInput } from "./job.ts";

/** Names the execution a result belongs to, so that a worker that lost its lease changes nothing (P13). */
export interface JobFence {
  attempt?: number | undefined;
  leaseToken?: string | undefined;
}

/** Carries jobs to workers, one worker a job. The optional methods make a host faster or safer; none is needed. */
export interface JobTransport {
  /**
   * Milliseconds after which a job that nothing has moved is sent once more, also one that waits for its caller. For a queue that does not
   * know a job's id when it comes again; others ignore a job they have, and leave this out.
   */
  readonly resendAfterMs?: number | undefined;
  enqueue(input: EnqueueJobInput): Promise<string>;
  enqueueParallel(inputs: EnqueueJobInput[]): Promise<string[]>;
  /** Leases the most urgent due job (priority, then age); null when there is none. */
  dequeue(): Promise<DequeueResult | null>;
  complete(jobId: string, fence?: JobFence): Promise<void>;
  suspend(jobId: string, nextPollAt: Date, fence?: JobFence): Promise<void>;
  /** Ends the job, or puts it back with backoff when `shouldRetry` (default false) and attempts are left. */
  fail(jobId: string, error: string, shouldRetry?: boolean, fence?: JobFence): Promise<void>;
  getSuspendedJobsReadyToPoll(): Promise<Array<{ jobId: string; stageId: string; workflowRunId: string }>>;
  /** Puts back jobs leased longer ago than `staleThresholdMs` (default 60,000); answers how many. */
  releaseStaleJobs(staleThresholdMs?: number): Promise<number>;
  dequeueMany?(max: number): Promise<DequeueResult[]>;
  heartbeat?(jobId: string): Promise<void>;
  /** Ends every job of a run that has not ended; answers how many. */
  cancelByRun?(workflowRunId: string): Promise<number>;
}
