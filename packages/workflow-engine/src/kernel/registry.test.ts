// A registry made from a list.
import { describe, expect, it } from "vitest";
import { chain } from "../testing/workflows.ts";
import { createRegistry } from "./registry.ts";

describe("createRegistry", () => {
  it("P3: finds workflows by id and lists what it holds", () => {
    const [a, b] = [chain("a"), chain("b")];
    const registry = createRegistry([a, b]);
    expect([registry.getWorkflow("a"), registry.getWorkflow("b"), registry.getWorkflow("c")]).toEqual([a, b, undefined]);
    expect(registry.listWorkflowIds()).toEqual(["a", "b"]);
  });

  it("refuses two of one id", () => {
    expect(() => createRegistry([chain("a"), chain("a")])).toThrow(
      expect.objectContaining({ code: "INVALID_DEFINITION", message: expect.stringContaining('"a" is registered twice') }),
    );
  });
});
