// What an error means for the stage that threw it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { PlannedStage } from "../../define/plan.ts";
import { FatalError, RetryableError, WorkflowEngineError } from "../../errors.ts";
import { toStorableText } from "../../store/storable-text.ts";
import { chain, step } from "../../testing/workflows.ts";
import { describeError, failedOutcome, parsePart } from "./failures.ts";

describe("describeError", () => {
  it("P5: tells the message, the name without one, the text of anything else", () => {
    expect(describeError(new Error("no disk"))).toBe("no disk");
    expect(describeError(new TypeError())).toBe("TypeError");
    expect([describeError("text"), describeError(undefined), describeError(Symbol("s"))]).toEqual(["text", "undefined", "Symbol(s)"]);
  });

  it("P5: what cannot be told as text is told as such, and never throws itself", () => {
    const liar = Object.defineProperty(new Error("x"), "message", {
      get: () => {
        throw new Error("no message");
      },
    });
    const told = "Something was thrown that cannot be told as text";
    expect([describeError(Object.create(null)), describeError(liar)]).toEqual([told, told]);
    expect(describeError(Object.assign(new Error("x"), { message: 7 }))).toBe("7");
  });

  it("P20: no text poisons a batch: neither NUL nor half a character, also where it is cut", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 9_000, size: "max" }), (text) => {
        const told = describeError(new Error(text));
        expect(told.isWellFormed() && !told.includes("\u0000") && told.length <= 8_000).toBe(true);
      }),
      { numRuns: 15 },
    );
    expect(describeError(new Error(`${"x".repeat(7_999)}😀`))).toBe(`${"x".repeat(7_999)}\uFFFD`);
    expect(toStorableText("a\u0000b\uD800")).toBe("a\uFFFDb\uFFFD");
  });
});

describe("failedOutcome", () => {
  it("P5: an ordinary error is tried again with backoff", () => {
    expect(failedOutcome(new Error("e"), 3, 0)).toEqual({ kind: "failed", error: "e", isRetryable: true, delayMs: 4_000 });
  });

  it.each(["INVALID_CONFIG", "STAGE_INPUT_INVALID", "STAGE_OUTPUT_INVALID", "PAYLOAD_TOO_LARGE", "CREDENTIAL_IN_STATE"] as const)(
    "P5: %s is not tried again",
    (code) => {
      expect(failedOutcome(new WorkflowEngineError(code, "m"), 1, 0)).toMatchObject({ isRetryable: false });
    },
  );

  it("P5: a FatalError is not tried again, whichever copy of the package it comes from, and whatever retryOn says", () => {
    const policy = { retryOn: () => true };
    expect(failedOutcome(new FatalError("m"), 1, 0, policy)).toMatchObject({ isRetryable: false });
    expect(failedOutcome(Object.assign(new Error("m"), { code: "FATAL" }), 1, 0, policy)).toMatchObject({ isRetryable: false });
  });

  it("P5: a RetryableError says when", () => {
    expect(failedOutcome(new RetryableError("m", { retryAfterMs: 7 }), 1, 0)).toMatchObject({ isRetryable: true, delayMs: 7 });
    expect(failedOutcome(new RetryableError("m", { retryAfterMs: 0 }), 1, 0)).toMatchObject({ delayMs: 0 });
    expect(failedOutcome(new RetryableError("m"), 1, 0)).toMatchObject({ delayMs: 1_000 });
  });

  it.each([
    [Number.NaN, 1_000],
    [Number.POSITIVE_INFINITY, 1_000],
    [-5, 0],
  ])("P5: a retryAfterMs of %d is no instant that never comes", (retryAfterMs, delayMs) => {
    expect(failedOutcome(new RetryableError("m", { retryAfterMs }), 1, 0)).toMatchObject({ isRetryable: true, delayMs });
  });

  it("P5: retryOn decides; one that throws has not said no", () => {
    expect(failedOutcome(new Error("m"), 1, 0, { retryOn: () => false })).toMatchObject({ isRetryable: false });
    const broken = {
      retryOn: () => {
        throw new Error("broken policy");
      },
    };
    expect(failedOutcome(new Error("m"), 1, 0, broken)).toMatchObject({ error: "m", isRetryable: true });
  });
});

describe("parsePart", () => {
  const schema = z.object({ a: z.object({ n: z.number() }), tags: z.array(z.string()) });
  const stageOf = (parts: Record<string, z.ZodType>): PlannedStage =>
    chain(
      "w",
      step("s", () => 1, parts),
    ).plan.requireStage("s");

  it("P6: a misfit names what and every field path", async () => {
    const misfit = async () => parsePart(stageOf({ output: schema }), "output", { a: { n: "1" }, tags: ["x", 2] });
    await expect(misfit()).rejects.toMatchObject({
      code: "STAGE_OUTPUT_INVALID",
      message:
        'Invalid output of stage "s": a.n: Invalid input: expected number, received string; tags.1: Invalid input: expected string, received number',
    });
    const atRoot = async () => parsePart(stageOf({ input: z.string() }), "input", 1);
    await expect(atRoot()).rejects.toMatchObject({ code: "STAGE_INPUT_INVALID", message: expect.stringContaining("(root): ") });
  });

  it("P6: a schema with asynchronous checks is awaited", async () => {
    const even = z.number().refine(async (n) => n % 2 === 0, "odd");
    await expect(parsePart(stageOf({ input: even }), "input", 2)).resolves.toBe(2);
    await expect(parsePart(stageOf({ config: even }), "config", 3)).rejects.toMatchObject({
      ...{ code: "INVALID_CONFIG", message: 'Invalid config of stage "s": (root): odd' },
    });
  });
});
