// The model file, written from a server that answers as OpenRouter does, and read back.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { syncModels } from "./sync-models.ts";

const data = [
  { id: "z/unpriced", pricing: { prompt: "-1", completion: "" } },
  {
    ...{ id: "a/model", name: "A model", context_length: 1_000, top_provider: { max_completion_tokens: 50 } },
    ...{ pricing: { prompt: "0.0000003", completion: "0.0000025" }, supported_parameters: ["tools"] },
  },
];
let folder: string;
let status = 200;
let isMute = false;
const server = createServer((request, response) => {
  if (isMute) return;
  response.writeHead(request.url === "/api/v1/models" ? status : 404, { "content-type": "application/json" });
  response.end(JSON.stringify({ data }));
});
beforeEach(async () => {
  status = 200;
  isMute = false;
  folder = mkdtempSync(join(tmpdir(), "sync-"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const run = async (args: string[], timeoutMs?: number) => {
  const { port } = server.address() as { port: number };
  const lines: string[] = [];
  return { code: await syncModels([...args, "--url", `http://127.0.0.1:${port}/api/v1`], (line) => lines.push(line), timeoutMs), lines };
};

it("writes the models with their prices, and an unknown price as unknown", async () => {
  const file = join(folder, "deep", "models.ts");
  expect((await run([file])).code).toBe(0);
  const text = readFileSync(file, "utf8");
  expect(text).toMatch(
    /"a\/model": \{ id: "a\/model", name: "A model", provider: "openrouter", pricesAsOf: "\d{4}-\d\d-\d\d", inputCostPerMillion: 0\.3, outputCostPerMillion: 2\.5, contextLength: 1000, maxCompletionTokens: 50, supportsTools: true/,
  );
  expect(text).toContain(`inputCostPerMillion: Number.NaN, outputCostPerMillion: Number.NaN`);
  expect(text.indexOf("a/model")).toBeLessThan(text.indexOf("z/unpriced"));
});

it("writes nothing when the list cannot be had, or the command is wrong", async () => {
  status = 500;
  const { code, lines } = await run([join(folder, "models.ts")]);
  expect([code, lines[0]]).toEqual([1, expect.stringContaining("answered 500")]);
  expect((await run(["--nonsense"])).code).toBe(2);
  expect(() => readFileSync(join(folder, "models.ts"))).toThrow();
});

it("gives up a server that says nothing", async () => {
  isMute = true;
  const { code, lines } = await run([join(folder, "models.ts")], 50);
  expect([code, lines[0]]).toEqual([1, expect.stringContaining("timeout")]);
});
