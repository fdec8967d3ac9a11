// Fields that callers of untyped code get wrong.
import { describe, expect, it } from "vitest";
import { requireCount, requireText } from "./fields.ts";

const command = (id: unknown) => ({ type: "run.cancel", id: id as string });

describe("requireText", () => {
  it.each([
    [undefined, "run.cancel: id must be a non-empty text, got undefined"],
    ["", 'run.cancel: id must be a non-empty text, got ""'],
    [7, "run.cancel: id must be a non-empty text, got 7"],
    [{ a: 1 }, 'run.cancel: id must be a non-empty text, got {"a":1}'],
    ["a\u0000b", "run.cancel: id holds a NUL character or a lone surrogate, which no database stores"],
    ["a\uD800", "run.cancel: id holds a NUL character or a lone surrogate, which no database stores"],
  ])("P20: refuses %j with the command and the field", (id, message) => {
    expect(() => requireText(command(id), "id")).toThrow(expect.objectContaining({ code: "INVALID_COMMAND", message }));
  });

  it("takes any other text", () => {
    for (const id of ["a", " ", "😀", "a/b?c=ä"]) expect(requireText(command(id), "id")).toBe(id);
  });
});

describe("requireCount", () => {
  const count = (max: unknown, fallback?: number) => requireCount({ type: "outbox.flush", max: max as number }, "max", fallback);

  it("takes 0 and up, and the fallback when absent", () => {
    expect([count(0), count(2.5), count(undefined, 7)]).toEqual([0, 2.5, 7]);
  });

  it.each([-1, Number.NaN, Number.POSITIVE_INFINITY, "5", undefined])("refuses %s", (max) => {
    expect(() => count(max)).toThrow(expect.objectContaining({ code: "INVALID_COMMAND" }));
  });
});
