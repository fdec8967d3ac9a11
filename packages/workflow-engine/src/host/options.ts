// The options every host shares, with their defaults (seeds 000 and 001; settled question 6).

import type { Kernel } from "../kernel/kernel.ts";
import type { JobTransport } from "../ports/job-transport.ts";

/** What every host takes. */
export interface HostOptions {
  kernel: Kernel;
  /** Kept for hosts of other stores; with a native store the kernel finds the work itself. */
  jobTransport?: JobTransport | undefined;
  workerId: string;
  /** Milliseconds between two safety-net ticks: claim, poll, reap, flush. Default 10,000. */
  orchestrationIntervalMs?: number | undefined;
  /** Milliseconds between two looks into an empty queue of a store that does not signal. Default 1,000. */
  jobPollIntervalMs?: number | undefined;
  /** Milliseconds after which a lease that nobody renewed is stale. Default 60,000. */
  staleLeaseThresholdMs?: number | undefined;
  /** Runs a tick claims at most. Default 10. */
  maxClaimsPerTick?: number | undefined;
  /** Suspended stages a tick looks at, at most. Default 10. */
  maxSuspendedChecksPerTick?: number | undefined;
  /** Events a tick publishes at most. Default 100. */
  maxOutboxFlushPerTick?: number | undefined;
  /** Stages whose user code runs at a time. Default 10. */
  concurrency?: number | undefined;
  /** Milliseconds `stop()` waits for running stages before it hands them back. Default 30,000. */
  shutdownTimeoutMs?: number | undefined;
  /** Told of errors that no caller waits for, e.g. a store out of reach. */
  onError?: ((error: unknown) => void) | undefined;
}

/** The options with every default filled in. */
export type ResolvedHostOptions = {
  [K in Exclude<keyof HostOptions, "kernel" | "jobTransport">]-?: NonNullable<HostOptions[K]>;
};

/** Fills in the defaults. */
export function resolveHostOptions(options: HostOptions): ResolvedHostOptions {
  return {
    workerId: options.workerId,
    orchestrationIntervalMs: options.orchestrationIntervalMs ?? 10_000,
    jobPollIntervalMs: options.jobPollIntervalMs ?? 1_000,
    staleLeaseThresholdMs: options.staleLeaseThresholdMs ?? 60_000,
    maxClaimsPerTick: options.maxClaimsPerTick ?? 10,
    maxSuspendedChecksPerTick: options.maxSuspendedChecksPerTick ?? 10,
    maxOutboxFlushPerTick: options.maxOutboxFlushPerTick ?? 100,
    concurrency: options.concurrency ?? 10,
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? 30_000,
    onError: (error) => {
      try {
        options.onError?.(error);
      } catch {
        // a listener that fails must not stop the loop that tells it
      }
    },
  };
}
