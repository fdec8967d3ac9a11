// Every provider's paths through its real SDK, against a server that speaks its protocol: fields, streams, refusals, broken answers.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { createFakeEnvironment } from "../kernel/testing/fake-environment.ts";
import { InMemoryAICallLogger } from "../memory/memory-ai-call-logger.ts";
import { registerModels } from "../models/index.ts";
import type { Environment } from "../ports/environment.ts";
import { echo, type ProviderServer, startProviderServer } from "../testing/providers/provider-server.ts";
import type { AIHelper } from "./helper-types.ts";
import { createAIHelper, createProviderResolver } from "./index.ts";

let server: ProviderServer;
let logger: InMemoryAICallLogger;
let ai: AIHelper;

const models: Record<string, string> = {
  openai: "gpt-5-mini",
  anthropic: "claude-haiku-4.5",
  google: "gemini-2.5-flash",
  openrouter: "glm-5.2",
  compatible: "local-model",
};
const providers = Object.keys(models);
const priced = { inputCostPerMillion: 1, outputCostPerMillion: 2, contextLength: 8_000, maxCompletionTokens: 1_000 };

/** Timers fire at once, so that waits between retries cost nothing. */
function hasty(): Environment & { waits: number[] } {
  const environment = createFakeEnvironment();
  const waits: number[] = [];
  return {
    ...environment,
    waits,
    setTimer: (ms, fire) => {
      waits.push(ms);
      queueMicrotask(fire);
      return () => undefined;
    },
  };
}

let environment: ReturnType<typeof hasty>;

beforeAll(async () => {
  server = await startProviderServer();
  registerModels({
    "local-model": { id: "qwen3:8b", name: "Local", provider: "ollama", baseURL: server.baseURLs.compatible, ...priced },
    "local-embedding": {
      id: "nomic",
      name: "Local",
      provider: "ollama",
      baseURL: server.baseURLs.compatible,
      ...priced,
      isEmbeddingModel: true,
    },
    "routed-embedding": { id: "openai/text-embedding-3-small", name: "Routed", provider: "openrouter", ...priced, isEmbeddingModel: true },
  });
});
afterAll(() => server.close());

beforeEach(() => {
  server.setPlan(undefined);
  (server.requests as unknown[]).length = 0;
  (server.billed as unknown[]).length = 0;
  (server.violations as unknown[]).length = 0;
  environment = hasty();
  logger = new InMemoryAICallLogger({ environment });
  const settings = Object.fromEntries(Object.entries(server.baseURLs).map(([name, baseURL]) => [name, { apiKey: "test", baseURL }]));
  ai = createAIHelper("test", logger, undefined, createProviderResolver({ ...settings, ollama: { apiKey: "test" } }), { environment });
});

const rows = () => logger.ledger.listCalls({});

describe.each(providers)("%s", (provider) => {
  const model = models[provider]!;

  it("generates text", async () => {
    const { text, inputTokens, outputTokens, cost } = await ai.generateText(model, "Hello there", { maxTokens: 100, temperature: 0.5 });
    expect(server.violations).toEqual([]);
    expect([text, inputTokens, outputTokens]).toEqual(["You said: Hello there", 3, 6]);
    expect(cost).toBeGreaterThan(0);
    const [row] = await rows();
    expect(row).toMatchObject({
      callType: "text",
      modelKey: model,
      prompt: "Hello there",
      response: "You said: Hello there",
      status: "ok",
    });
    expect([row?.inputTokens, row?.outputTokens, row?.isEstimated]).toEqual([3, 6, false]);
    expect(server.billed).toHaveLength(1);
  });

  it("generates an object by the provider's own schema parameter", async () => {
    const schema = z.object({ label: z.enum(["good", "bad"]), score: z.number() });
    const { object } = await ai.generateObject(model, "Judge this", schema, { maxTokens: 200 });
    expect(server.violations).toEqual([]);
    expect(object).toEqual({ label: "good", score: 1 });
    expect(JSON.stringify(server.requests[0]?.body)).toContain('"score"');
    expect((await rows())[0]).toMatchObject({ callType: "object", status: "ok" });
  });

  it("streams, and is on the ledger whoever asks", async () => {
    const { stream } = ai.streamText(model, { prompt: "Stream this" }, { maxTokens: 100 });
    let text = "";
    for await (const piece of stream) text += piece;
    expect(server.violations).toEqual([]);
    expect(text).toBe("You said: Stream this");
    const asked = ai.streamText(model, { prompt: "Stream this" });
    expect(await asked.getUsage()).toMatchObject({ inputTokens: 3, outputTokens: 6 });
    for (const row of await rows())
      expect(row).toMatchObject({ callType: "stream", status: "ok", response: "You said: Stream this", isEstimated: false });
  });

  it("waits as it is told after 429, goes on after 5xx, and says so row by row", async () => {
    const plans = [
      { kind: "refuse", status: 429, headers: { "retry-after": "7" } },
      { kind: "refuse", status: 503 },
    ] as const;
    let at = 0;
    server.setPlan(() => plans[at++]);
    const { text } = await ai.generateText(model, "Hi", { maxRetries: 2, maxTokens: 50 });
    expect(text).toBe("You said: Hi");
    expect(environment.waits[0]).toBe(7_000);
    expect((await rows()).map(({ status, costPico, isEstimated }) => [status, costPico, isEstimated]).slice(0, 2)).toEqual([
      ["failed", 0n, false],
      ["failed", 0n, false],
    ]);
    expect(server.billed).toHaveLength(1);
  });

  it("gives up when tries are used up, and says when to come back", async () => {
    server.setPlan(() => ({ kind: "refuse", status: 429, headers: { "retry-after": "30" } }));
    const failed = ai.generateText(model, "Hi", { maxRetries: 1, maxTokens: 50 });
    await expect(failed).rejects.toMatchObject({ code: "RETRYABLE", retryAfterMs: 30_000 });
    expect(server.requests).toHaveLength(2);
  });

  it("does not try again what the provider calls wrong", async () => {
    server.setPlan(() => ({ kind: "refuse", status: 400, message: "bad request" }));
    await expect(ai.generateText(model, "Hi", { maxTokens: 50 })).rejects.toMatchObject({ code: "FATAL" });
    expect(server.requests).toHaveLength(1);
  });

  it("counts an answer that cannot be read at its worst case, as unknown", async () => {
    server.setPlan(() => ({ kind: "malformed", inputTokens: 2, outputTokens: 40 }));
    await expect(ai.generateText(model, "Hi", { maxTokens: 50, maxRetries: 0 })).rejects.toThrow(model);
    const [row] = await rows();
    expect(row).toMatchObject({ status: "failed", isEstimated: true, outputTokens: 50 });
    expect(row!.inputTokens).toBeGreaterThanOrEqual(2);
  });

  it("counts a call that its caller aborts at its worst case, as unknown", async () => {
    const abort = new AbortController();
    server.setPlan((request) => {
      abort.abort(new Error("enough"));
      return { ...echo(request), delayMs: 50 };
    });
    await expect(ai.generateText(model, "Hi", { maxTokens: 50, abortSignal: abort.signal })).rejects.toThrow();
    expect(await rows()).toMatchObject([{ status: "aborted", isEstimated: true }]);
  });

  it("calls tools, a row a step", async () => {
    const { tool, isStepCount } = await import("ai");
    const weather = tool({ description: "Weather", inputSchema: z.object({ city: z.string() }), execute: async () => ({ sun: true }) });
    let steps = 0;
    server.setPlan((request) => {
      steps += 1;
      const toolCalls = steps === 1 ? [{ id: "call_1", name: "weather", args: { city: "Rome" } }] : undefined;
      return { ...echo(request), toolCalls };
    });
    const result = await ai.generateText(model, "Weather?", { tools: { weather }, stopWhen: isStepCount(3), maxTokens: 100 });
    expect(server.violations).toEqual([]);
    expect(result.text).toContain("You said");
    expect((await rows()).length).toBe(2);
  });
});

describe.each([
  ["openai", "text-embedding-3-small"],
  ["google", "gemini-embedding-001"],
  ["openrouter", "routed-embedding"],
  ["compatible", "local-embedding"],
])("%s", (_, model) => {
  it("embeds one text and several", async () => {
    const one = await ai.embed(model, "one", { dimensions: 8, taskType: "RETRIEVAL_QUERY" });
    const two = await ai.embed(model, ["one", "two"], { dimensions: 8 });
    expect(server.violations).toEqual([]);
    expect([one.embedding.length, one.dimensions, two.embeddings.length]).toEqual([8, 8, 2]);
    expect(two.embeddings[0]).toEqual(one.embedding);
    expect(one.inputTokens).toBe(1);
    expect(await rows()).toMatchObject([{ callType: "embed", isEstimated: false }, { callType: "embed" }]);
  });
});
