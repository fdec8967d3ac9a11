import { describe, expect, it } from "vitest";
import { bearerToken } from "./authorize.ts";
import { createHttpApi } from "./create-http-api.ts";
import { openBench } from "./http.test-fixture.ts";

describe("authorisation", () => {
  it("cannot be forgotten", async () => {
    const bench = await openBench("memory", { works: false });
    const options = { kernel: {}, store: bench.store } as unknown as Parameters<typeof createHttpApi>[0];
    expect(() => createHttpApi(options)).toThrow(/authorize is missing/);
    await bench.close();
  });

  it("closes every route unless it is told yes, before the body is read", async () => {
    for (const [answer, status] of [
      [false, 403],
      [undefined, 403],
      ["yes", 403],
      [1, 403],
      ["unauthenticated", 401],
    ] as const) {
      const bench = await openBench("memory", { works: false, authorize: () => answer as boolean });
      const { paths } = bench.api.openApi() as { paths: Record<string, Record<string, unknown>> };
      for (const [path, operations] of Object.entries(paths)) {
        for (const method of Object.keys(operations)) {
          const body = method === "post" ? { body: "{".repeat(10) } : {};
          const response = await bench.ask(path.replace(/\{\w+\}/g, "x"), { method: method.toUpperCase(), ...body });
          expect(response.status, `${method} ${path}`).toBe(status);
        }
      }
      await expect(bench.store.reader.countRuns()).resolves.toEqual([]);
      await bench.close();
    }
  });

  it("stays closed when it throws, and somebody is told", async () => {
    const bench = await openBench("memory", {
      works: false,
      authorize: () => {
        throw new Error("secret reason");
      },
    });
    const response = await bench.ask("/runs");
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain("secret");
    expect(bench.errors).toHaveLength(1);
    await bench.close();
  });

  it("is told what is asked for", async () => {
    const asked: unknown[] = [];
    const bench = await openBench("memory", {
      works: false,
      authorize: ({ action, workflowRunId }) => asked.push([action, workflowRunId]) > 0,
    });
    await bench.ask("/runs/r1/cancel", { method: "POST" });
    await bench.ask("/workflows");
    expect(asked).toEqual([
      ["runs.cancel", "r1"],
      ["workflows.read", undefined],
    ]);
    await bench.close();
  });

  it("lets the bearer of the token in, and nobody else", async () => {
    const bench = await openBench("memory", { works: false, authorize: bearerToken("s3cret") });
    const statusOf = async (authorization?: string) =>
      (await bench.ask("/runs", authorization ? { headers: { authorization } } : {})).status;
    expect(await statusOf("Bearer s3cret")).toBe(200);
    for (const wrong of [undefined, "Bearer", "Bearer s3cre", "Bearer s3cretx", "Basic s3cret", "s3cret"])
      expect(await statusOf(wrong)).toBe(401);
    expect(() => bearerToken("")).toThrow();
    await bench.close();
  });
});
