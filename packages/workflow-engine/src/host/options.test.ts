// The options every host shares.
import { describe, expect, it } from "vitest";
import { resolveHostOptions } from "./options.ts";

describe("resolveHostOptions", () => {
  it("has the defaults of the seeds", () => {
    const { onError: _, ...options } = resolveHostOptions({ kernel: {} as never, workerId: "w", concurrency: undefined });
    expect(options).toEqual({
      workerId: "w",
      orchestrationIntervalMs: 10_000,
      jobPollIntervalMs: 1_000,
      staleLeaseThresholdMs: 60_000,
      maxClaimsPerTick: 10,
      maxSuspendedChecksPerTick: 10,
      maxOutboxFlushPerTick: 100,
      concurrency: 10,
      shutdownTimeoutMs: 30_000,
    });
  });

  it("a listener that throws stops no loop", () => {
    const onError = () => {
      throw new Error("the logger is down");
    };
    expect(() => resolveHostOptions({ kernel: {} as never, workerId: "w", onError }).onError(new Error("x"))).not.toThrow();
  });
});
