// The options every host shares, with their defaults (seeds 000 and 001; settled question 6).

import { WorkflowEngineError } from "../errors.ts";
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

/** The least each number may be; what is less would look like a host that works and never does. */
const least = {
  concurrency: 1,
  orchestrationIntervalMs: 1,
  jobPollIntervalMs: 1,
  staleLeaseThresholdMs: 1,
  maxClaimsPerTick: 0,
  maxSuspendedChecksPerTick: 0,
  maxOutboxFlushPerTick: 0,
  shutdownTimeoutMs: 0,
} as const satisfies Partial<Record<keyof HostOptions, number>>;

/** Fills in the defaults; throws NOT_CONFIGURED for a value no host can work with. */
export function resolveHostOptions(options: HostOptions): ResolvedHostOptions {
  assertOptions(options);
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

function assertOptions(options: HostOptions): void {
  if (typeof options.workerId !== "string" || options.workerId === "") {
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      "workerId is missing: give each process a name of its own, e.g. one with its process id.",
    );
  }
  for (const [name, lowest] of Object.entries(least)) {
    const value: unknown = options[name as keyof typeof least];
    if (value === undefined || (typeof value === "number" && value >= lowest)) continue;
    throw new WorkflowEngineError(
      "NOT_CONFIGURED",
      `${name} of worker "${options.workerId}" must be a number of at least ${lowest}, got ${String(value)}`,
    );
  }
}
