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

  it.each([
    [{ workerId: "" }, /workerId is missing/],
    [{ workerId: undefined as unknown as string }, /workerId is missing/],
    [{ concurrency: 0 }, /concurrency of worker "w" must be a number of at least 1, got 0/],
    [{ concurrency: Number.NaN }, /got NaN/],
    [{ concurrency: "10" as unknown as number }, /concurrency/],
    [{ jobPollIntervalMs: 0 }, /jobPollIntervalMs/],
    [{ shutdownTimeoutMs: -1 }, /shutdownTimeoutMs/],
  ])("refuses %j, with which a host would only look as if it worked", (wrong, message) => {
    expect(() => resolveHostOptions({ kernel: {} as never, workerId: "w", ...wrong })).toThrow(message);
  });

  it("takes what is unusual and works", () => {
    const unusual = { concurrency: Number.POSITIVE_INFINITY, maxClaimsPerTick: 0, shutdownTimeoutMs: 0 };
    expect(resolveHostOptions({ kernel: {} as never, workerId: "w", ...unusual })).toMatchObject(unusual);
  });
});
