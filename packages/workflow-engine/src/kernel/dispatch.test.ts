// From a command's type to its handler.
import { describe, expect, it } from "vitest";
import { openKernel } from "./kernel.test-fixture.ts";

describe("dispatch", () => {
  it.each([
    [{ type: "run.explode" }, "Unknown command type: run.explode"],
    [{ type: "constructor" }, "Unknown command type: constructor"],
    [{ type: "toString" }, "Unknown command type: toString"],
    [{}, "Unknown command type: undefined"],
    [{ type: 7 }, "Unknown command type: 7"],
    [null, "Unknown command type: undefined"],
  ])("refuses %j by name", async (command, message) => {
    const { kernel } = openKernel([]);
    await expect(kernel.dispatch(command as never)).rejects.toMatchObject({ code: "UNKNOWN_COMMAND", message });
  });

  it("what a handler refuses is a rejection, never a throw", async () => {
    const { kernel } = openKernel([]);
    const dispatched = kernel.dispatch({ type: "run.cancel", workflowRunId: "" });
    await expect(dispatched).rejects.toMatchObject({ code: "INVALID_COMMAND" });
  });
});
