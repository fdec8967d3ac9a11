// What failures of providers mean: free or not, again or not, and when.
import { describe, expect, it } from "vitest";
import { errorCodeOf } from "../errors.ts";
import { failureOf, thrownOf } from "./call-failure.ts";

const at = Date.UTC(2026, 0, 1);
const refused = (statusCode: number, more: object = {}) =>
  Object.assign(new Error("no"), { statusCode, isRetryable: statusCode === 429 || statusCode >= 500, ...more });

describe("failures", () => {
  it("are free when the provider refused, or was never reached", () => {
    const connection = Object.assign(new Error("Cannot connect"), {
      isRetryable: true,
      cause: Object.assign(new Error("x"), { cause: { code: "ECONNREFUSED" } }),
    });
    expect([refused(429), refused(500), refused(400), connection].map((error) => failureOf(error, false, at).isFree)).toEqual([
      true,
      true,
      true,
      true,
    ]);
  });

  it("may have cost their worst case when the answer was lost, cannot be read, or was not waited for", () => {
    const reset = Object.assign(new Error("reset"), { cause: { code: "ECONNRESET" } });
    expect([
      failureOf(reset, false, at).isFree,
      failureOf(refused(200), false, at).isFree,
      failureOf(refused(429), true, at).isFree,
    ]).toEqual([false, false, false]);
  });

  it("say when to come back: milliseconds, seconds, or a date", () => {
    const headers = [
      { "retry-after-ms": "250" },
      { "Retry-After": "3" },
      { "retry-after": new Date(at + 9_000).toUTCString() },
      { "retry-after": "soon" },
    ];
    expect(headers.map((responseHeaders) => failureOf(refused(429, { responseHeaders }), false, at).retryAfterMs)).toEqual([
      250,
      3_000,
      9_000,
      undefined,
    ]);
  });

  it("tell the stage whether to try again", () => {
    const thrown = (error: unknown, isAborted = false) => thrownOf(error, failureOf(error, isAborted, at), "Model");
    const limited = thrown(refused(429, { responseHeaders: { "retry-after": "2" } }));
    expect(limited).toMatchObject({ code: "RETRYABLE", retryAfterMs: 2_000 });
    expect([thrown(refused(401)), thrown(new Error("odd"))].map(errorCodeOf)).toEqual(["FATAL", "AI_CALL_FAILED"]);
    const stop = new Error("stop");
    expect(thrown(stop, true)).toBe(stop);
  });
});
