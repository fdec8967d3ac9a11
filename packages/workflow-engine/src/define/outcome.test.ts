// Suspensions are told from results, and credentials stay out of stored state.

import { describe, expect, it } from "vitest";
import { assertNoCredential, isSuspendedResult } from "./outcome.ts";

describe("isSuspendedResult", () => {
  it("tells a suspension from a result", () => {
    expect(isSuspendedResult({ suspended: true, state: { batchId: "b" } })).toBe(true);
    expect(isSuspendedResult({ output: { suspended: true } })).toBe(false);
  });
});

describe("assertNoCredential", () => {
  it.each([
    [{ batchId: "b", apiKey: "secret" }, "apiKey"],
    [{ batchId: "b", metadata: { api_key: "secret" } }, "metadata.api_key"],
  ])("names stage and field but not the value", (state, field) => {
    const refused = () => assertNoCredential("batch", state);
    expect(refused).toThrow(`Stage "batch" put a credential ("${field}") into its suspended state`);
    expect(refused).toThrow(expect.objectContaining({ code: "CREDENTIAL_IN_STATE", message: expect.not.stringContaining("secret") }));
  });

  it("lets a clean state pass", () => {
    expect(() => assertNoCredential("batch", { batchId: "b", metadata: { keys: 3 } })).not.toThrow();
    expect(() => assertNoCredential("batch", { batchId: "b", metadata: undefined })).not.toThrow();
  });
});
