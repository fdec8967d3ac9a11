// Batches by hand: submit, look, read, record, outside any stage.
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createFakeEnvironment } from "../../kernel/testing/index.ts";
import { createMemoryStore } from "../../memory/memory-store.ts";
import { MockBatchProvider } from "../../testing/ai/mock-batches.ts";
import { createAIHelper } from "../helper.ts";

function open(answer?: (prompt: string) => string) {
  const environment = createFakeEnvironment();
  const { aiCallLogger } = createMemoryStore({ environment });
  const provider = new MockBatchProvider(environment, { lastsMs: 1_000, answer });
  const ai = createAIHelper("nightly", aiCallLogger, undefined, undefined, { environment });
  return { environment, aiCallLogger, provider, ai, batch: ai.batch("gpt-4.1-mini", provider) };
}

const schema = z.object({ n: z.number() });

describe("ai.batch", () => {
  it("P24: a result is a value that fits, or an error; never an empty object", async () => {
    const { batch, environment } = open((prompt) => (prompt === "good" ? '{"n":1}' : prompt === "fenced" ? '```json\n{"n":2}\n```' : "{}"));
    const prompts = ["good", "fenced", "bad"];
    const { id } = await batch.submit(prompts.map((prompt) => ({ id: prompt, prompt, schema })));
    expect(await batch.getStatus(id)).toMatchObject({ state: "processing", totalCount: 3 });
    await environment.advance(1_000);
    expect((await batch.getResults(id)).map((result) => [result.id, result.status === "failed" ? result.error : result.value])).toEqual([
      ["good", { n: 1 }],
      ["fenced", { n: 2 }],
      ["bad", expect.stringContaining("does not fit its schema: n")],
    ]);
  });

  it("P24: another process reads the results of a handle, and checks them by the requests it is given", async () => {
    const first = open(() => '{"n":1}');
    const requests = [{ id: "a", prompt: "a", schema }];
    const handle = JSON.parse(JSON.stringify(await first.batch.submit(requests)));
    await first.environment.advance(1_000);
    const batch = first.ai.batch("gpt-4.1-mini", first.provider);
    expect(await batch.getResults(handle.id, handle.metadata)).toMatchObject([{ id: "a", status: "succeeded", value: '{"n":1}' }]);
    expect(await batch.getResults(handle.id, { ...handle.metadata, requests })).toMatchObject([{ id: "a", value: { n: 1 } }]);
    expect(await batch.getResults(handle.id)).toMatchObject([{ id: "a", status: "succeeded" }]);
  });

  it("P23: results are recorded once, at the price of batches", async () => {
    const { batch, environment, aiCallLogger, ai } = open(() => "x".repeat(4_000));
    const { id } = await batch.submit([{ id: "a", prompt: "y".repeat(4_000) }]);
    await environment.advance(1_000);
    const results = await batch.getResults(id);
    expect(await batch.isRecorded(id)).toBe(false);
    await batch.recordResults(id, results);
    await batch.recordResults(id, results);
    expect(await batch.isRecorded(id)).toBe(true);
    const rows = await aiCallLogger.ledger?.listCalls({ topicPrefix: "nightly" });
    // 1,000 tokens in and out at $0.40 and $1.60 a million, half of it in a batch
    expect(rows).toMatchObject([{ callType: "batch", costPico: 1_000_000_000n, metadata: { batchId: id, requestId: "a" } }]);
    expect(await ai.getStats()).toMatchObject({ totalCalls: 1, totalCost: 0.001 });
  });

  it("run works in a stage only, and an empty batch nowhere; a model that nobody batches is named", async () => {
    const { batch, ai } = open();
    await expect(batch.run([{ id: "a", prompt: "a" }])).rejects.toMatchObject({ code: "NOT_CONFIGURED" });
    await expect(batch.submit([])).rejects.toThrow("Cannot submit empty batch");
    expect(() => ai.batch("text-embedding-3-small")).toThrow('No batch provider takes model "text-embedding-3-small"');
    expect(() => ai.batch("gpt-4.1-mini", "nobody" as never)).toThrow('There is no batch provider "nobody"');
  });
});
