// P24: every provider's batches through its real SDK, against a local server that checks each request field by field.
import { afterEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import type { ItemPlan } from "../../testing/providers/batches/batch-desk.ts";
import { type BatchServer, startBatchServer } from "../../testing/providers/batches/batch-server.ts";
import { parseAnswer } from "./answer-schema.ts";
import { AnthropicBatchProvider } from "./anthropic-batch-provider.ts";
import type { BatchRequest } from "./batch-provider.ts";
import { ChunkedProvider } from "./chunked-provider.ts";
import { GoogleBatchProvider } from "./google-batch-provider.ts";
import { OpenAIBatchProvider } from "./openai-batch-provider.ts";

const classes = { openai: OpenAIBatchProvider, anthropic: AnthropicBatchProvider, google: GoogleBatchProvider };
const names = ["openai", "anthropic", "google"] as const;
const schema = z.object({ label: z.enum(["good", "bad"]), score: z.number().min(0).max(1), note: z.string().nullable() });

let server: BatchServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

async function open(name: (typeof names)[number], options: Partial<Parameters<typeof startBatchServer>[0]> = {}, logger?: { log(): void }) {
  let now = Date.UTC(2026, 0, 1);
  server = await startBatchServer({ now: () => now, ...options });
  const { desk, batchURLs } = server;
  const provider = new classes[name]({ apiKey: "key", baseURL: batchURLs[name] }, logger);
  return { provider, desk, wait: (ms: number) => void (now += ms) };
}

const ask = (count: number, extra: Partial<BatchRequest> = {}): BatchRequest[] =>
  Array.from({ length: count }, (_, i) => ({ customId: `doc-${i}`, model: "m-1", prompt: `document ${i}`, ...extra }));

describe.each(names)("%s", (name) => {
  it("P24: submits with the provider's own schema and token limit, and reads one result a request, in order", async () => {
    const { provider, desk, wait } = await open(name, { lastsMs: 60_000 });
    const requests = ask(3, { system: "Judge.", schema, maxTokens: 77, temperature: 0.2 });
    const handle = await provider.submit(requests, { displayName: "night", metadata: { team: "a" } });
    expect(handle).toMatchObject({ provider: name, requestCount: 3, createdAt: new Date(Date.UTC(2026, 0, 1)), metadata: { team: "a" } });
    expect(desk.batches[0]?.items[1]).toMatchObject({
      ...{ model: "m-1", prompt: "document 1", system: "Judge.", maxTokens: 77, temperature: 0.2 },
      schema: { type: "object", properties: { label: { enum: ["good", "bad"] } }, required: ["label", "score", "note"] },
    });
    expect(await provider.checkStatus(handle)).toMatchObject({ state: "processing", processedCount: 0, totalCount: 3 });
    wait(60_000);
    const stored = JSON.parse(JSON.stringify(handle)); // another process reads it from a row
    expect(await provider.checkStatus(stored)).toMatchObject({ state: "completed", processedCount: 3, succeededCount: 3, failedCount: 0 });
    const results = await provider.getResults(stored);
    expect(results.map(({ index, customId, error }) => [index, customId, error])).toEqual([
      [0, "doc-0", undefined],
      [1, "doc-1", undefined],
      [2, "doc-2", undefined],
    ]);
    for (const result of results) {
      expect(result).toMatchObject({ inputTokens: 3 });
      expect(await parseAnswer(result.text, schema)).toMatchObject({ ok: true, value: { label: "good", score: 1 } });
    }
    expect(desk.violations).toEqual([]);
  });

  it("P24: errors belong to their request, broken and missing lines too", async () => {
    const plans: ItemPlan[] = [
      { kind: "answer", text: "fine" },
      { kind: "error", message: "prompt too long" },
      { kind: "malformed" },
      { kind: "missing" },
      { kind: "answer", text: "half an ans", isCutOff: true },
      { kind: "answer", text: "fine too" },
    ];
    const logger = { log: vi.fn() };
    const { provider, desk } = await open(name, { planItem: ({ index }) => plans[index] }, logger);
    const results = await provider.getResults(await provider.submit(ask(6)));
    expect(results.map(({ error, text }) => error ?? text)).toEqual([
      "fine",
      expect.stringContaining("prompt too long"),
      expect.stringMatching(/no result|no text/),
      expect.stringContaining("no result"),
      expect.stringContaining("cut off"),
      "fine too",
    ]);
    expect(results.map(({ customId }) => customId)[5]).toBe("doc-5");
    if (name !== "google") expect(logger.log).toHaveBeenCalledWith("WARN", expect.stringContaining("no JSON object"));
    expect(desk.violations).toEqual([]);
  });

  it("P24: an expired batch keeps what was done", async () => {
    const planItem = ({ index }: { index: number }): ItemPlan | undefined => (index > 1 ? { kind: "expired" } : undefined);
    const { provider } = await open(name, { planItem });
    const handle = await provider.submit(ask(4));
    expect(await provider.checkStatus(handle)).toMatchObject({ state: "completed", isExpired: true, succeededCount: 2 });
    const results = await provider.getResults(handle);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, true, false, false]);
  });

  it("P24: a cancelled batch keeps what was done", async () => {
    const { provider, desk } = await open(name, { lastsMs: 60_000 });
    const handle = await provider.submit(ask(4));
    await provider.cancel(handle);
    expect(await provider.checkStatus(handle)).toMatchObject({ state: "cancelled" });
    const results = await provider.getResults(handle);
    expect(results.map(({ error }) => error === undefined)).toEqual([true, false, true, false]);
    expect(desk.billed().answers).toBe(2);
  });

  it("P24: what is over the provider's limits is several of its batches and reads as one", async () => {
    const { provider, desk } = await open(name);
    Object.assign(provider.batches.limits, { requests: 3 });
    const handle = await provider.submit([...ask(7), ...ask(1, { model: "m-2", customId: "other", prompt: "other" })]);
    expect(desk.batches.map(({ items }) => [items[0]?.model, items.length])).toEqual([
      ["m-1", 3],
      ["m-1", 3],
      ["m-1", 1],
      ["m-2", 1],
    ]);
    expect(await provider.checkStatus(handle)).toMatchObject({ state: "completed", succeededCount: 8 });
    const results = await provider.getResults(handle);
    expect(results.map(({ text }) => text)).toEqual([...ask(7), { prompt: "other" }].map(({ prompt }) => `You said: ${prompt}`));
    Object.assign(provider.batches.limits, { requests: 1_000, bytes: 1_200 });
    await provider.submit(ask(9, { prompt: "x".repeat(300) }));
    expect(desk.batches.length).toBeGreaterThan(6);
    await expect(provider.submit(ask(1, { prompt: "x".repeat(2_000) }))).rejects.toMatchObject({ code: "PAYLOAD_TOO_LARGE" });
  });

  it("a batch that is refused half way is stopped as far as it went", async () => {
    let creations = 0;
    const before = ({ method, path }: { method: string; path: string }) =>
      method === "POST" && /batches$|batchGenerate/.test(path) && ++creations === 2
        ? { status: 403, json: { error: { message: "no" } } }
        : null;
    const { provider, desk } = await open(name, { lastsMs: 60_000, before });
    Object.assign(provider.batches.limits, { requests: 2 });
    await expect(provider.submit(ask(4))).rejects.toMatchObject({ status: 403 });
    expect(desk.batches.map(({ cancelledAt }) => cancelledAt !== null)).toEqual([true]);
  });

  it("P24: a creation that fails is not tried again by itself: 429 and 5xx are the caller's to judge", async () => {
    let creations = 0;
    const before = ({ method, path }: { method: string; path: string }) => {
      if (method !== "POST" || !/batches$|batchGenerate/.test(path)) return null;
      creations += 1;
      return { status: creations === 1 ? 429 : 503, json: { error: { message: "later" } } };
    };
    const { provider, desk } = await open(name, { before });
    await expect(provider.submit(ask(1))).rejects.toMatchObject({ status: 429 });
    await expect(provider.submit(ask(1))).rejects.toMatchObject({ status: 503 });
    expect([creations, desk.batches.length]).toEqual([2, 0]);
  });

  it("P24: a batch that was created unheard of is found again, another's is not", async () => {
    const { provider, desk, wait } = await open(name, { lastsMs: 60_000 });
    const { batches } = provider;
    const json = (key: string, i: number) => JSON.stringify(batches.toWire(ask(1)[0] as BatchRequest, `${key}-${i}`));
    const create = (key: string, start: number) =>
      batches.create({
        ...{ key, model: "m-1", displayName: "n", completionWindow: "24h", metadata: {} },
        requests: [
          { index: start, json: json(key, start) },
          { index: start + 1, json: json(key, start + 1) },
        ],
      });
    const lost = { key: "k1", start: 2, model: "m-1", attemptedAt: Date.UTC(2026, 0, 1), count: 2 };
    expect(await batches.find(lost)).toEqual({ state: "absent" });
    await create("k2", 2);
    await create("k1", 0);
    const notYet = await batches.find(lost);
    expect(notYet).toEqual(name === "anthropic" ? { state: "unknown", candidates: 2 } : { state: "absent" });
    await create("k1", 2);
    wait(60_000);
    expect(await batches.find(lost)).toEqual({ state: "found", id: desk.batches[2]?.id });
    expect(await batches.find({ ...lost, key: "k3" })).toEqual({ state: "absent" });
    expect(desk.violations).toEqual([]);
  });

  it("a custom id that fits no wire comes back all the same", async () => {
    const { provider, desk } = await open(name);
    const customId = "Überweisung / 7";
    const handle = await provider.submit(ask(1, { customId }));
    expect((await provider.getResults(handle))[0]).toMatchObject({ customId });
    expect(desk.violations).toEqual([]);
  });

  it("refuses an empty batch, and a missing key by the name of its variable", async () => {
    const { provider } = await open(name);
    await expect(provider.submit([])).rejects.toThrow("Cannot submit empty batch");
    const variable = { openai: "OPENAI_API_KEY", anthropic: "ANTHROPIC_API_KEY", google: "GOOGLE_GENERATIVE_AI_API_KEY" }[name];
    vi.stubEnv(variable, "");
    await expect(new classes[name]().submit(ask(1))).rejects.toThrow(variable);
    vi.unstubAllEnvs();
    expect(provider).toBeInstanceOf(ChunkedProvider);
  });

  it("files travel in the provider's form; an answer that is no object is asked for in an envelope", async () => {
    const { provider, desk } = await open(name, { planItem: () => ({ kind: "answer", text: '{"value":["a"]}' }) });
    const prompt = [
      { type: "text" as const, text: "look" },
      { type: "file" as const, data: new Uint8Array([1, 2]), mediaType: "image/png" },
    ];
    const list = z.array(z.string());
    const handle = await provider.submit(ask(1, { prompt, schema: list }));
    expect(desk.batches[0]?.items[0]).toMatchObject({
      prompt: expect.stringContaining("look"),
      schema: { properties: { value: { type: "array" } } },
    });
    const [result] = await provider.getResults(handle);
    expect(await parseAnswer(result?.text ?? "", list)).toEqual({ ok: true, value: ["a"] });
    expect(desk.violations).toEqual([]);
  });
});

it("a batch that OpenAI refuses after a look at its file has failed, and says why", async () => {
  const { provider } = await open("openai", { failBatch: () => "line 1 is no request" });
  const handle = await provider.submit(ask(2));
  expect(await provider.checkStatus(handle)).toMatchObject({ state: "failed", error: expect.stringContaining("line 1 is no request") });
});
