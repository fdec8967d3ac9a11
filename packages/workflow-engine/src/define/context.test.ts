// Reading earlier outputs: falsy ones are values (P6), missing ones are named.

import { describe, expect, it } from "vitest";
import { createContextReader, getStageOutput, requireStageOutput } from "./context.ts";

const context = { text: { body: "x", empty: "" }, zero: 0, blank: "", no: false, nothing: null };

describe("stage outputs", () => {
  it.each([
    ["zero", 0],
    ["blank", ""],
    ["no", false],
    ["nothing", null],
  ])("P6: the falsy output of %s is a value", (stageId, value) => {
    expect(requireStageOutput(context, stageId)).toBe(value);
    expect(getStageOutput(context, stageId)).toBe(value);
    expect(createContextReader(context).require(stageId)).toBe(value);
    expect(createContextReader(context).optional(stageId)).toBe(value);
  });

  it("names what is there when an output is missing", () => {
    const { require, optional } = createContextReader({ a: 1, b: 2 });
    expect(() => require("X")).toThrow('Missing required stage output: "X". Available stages: a, b');
    expect(() => requireStageOutput({}, "X")).toThrow('Missing required stage output: "X". Available stages: (none)');
    expect(() => requireStageOutput({}, "X")).toThrow(expect.objectContaining({ code: "MISSING_STAGE_OUTPUT" }));
    expect(optional("X")).toBeUndefined();
  });

  it("does not take what every object has for an output", () => {
    expect(() => requireStageOutput({}, "toString")).toThrow("Missing required stage output");
    expect(getStageOutput({}, "constructor")).toBeUndefined();
  });

  it("returns one field, falsy or not, and names the fields when it is missing", () => {
    expect(requireStageOutput(context, "text", "body")).toBe("x");
    expect(requireStageOutput(context, "text", "empty")).toBe("");
    expect(() => requireStageOutput(context, "text", "title")).toThrow(
      'Missing required field "title" in output of stage "text". Available fields: body, empty',
    );
    expect(() => requireStageOutput(context, "zero", "title")).toThrow("Available fields: (none)");
  });
});
