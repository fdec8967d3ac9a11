// The mock provider, the mock helper, and calls that are recorded once and played again.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createAIHelper } from "../../ai/helper.ts";
import { createFakeEnvironment } from "../../kernel/testing/fake-environment.ts";
import { InMemoryAICallLogger } from "../../memory/memory-ai-call-logger.ts";
import { createMockAIHelper } from "./mock-helper.ts";
import { createMockProvider } from "./mock-provider.ts";
import { createRecordedProvider } from "./recorded-provider.ts";

describe("mock helper", () => {
  it("answers from a list, in order, the last again", async () => {
    const { ai, provider } = createMockAIHelper(["one", { text: "two", inputTokens: 7, outputTokens: 9 }]);
    const answers = [await ai.generateText(undefined, "a"), await ai.generateText(undefined, "b"), await ai.generateText(undefined, "c")];
    expect(answers.map(({ text }) => text)).toEqual(["one", "two", "two"]);
    expect([answers[1]!.inputTokens, answers[1]!.outputTokens, provider.requests.length]).toEqual([7, 9, 3]);
  });

  it("gives objects, refuses half ones, streams and embeds", async () => {
    const { ai, logger } = createMockAIHelper(({ schema, prompt }) => (schema ? { object: { n: prompt === "bad" ? "x" : 1 } } : "text"));
    const schema = z.object({ n: z.number() });
    expect((await ai.generateObject(undefined, "good", schema)).object).toEqual({ n: 1 });
    await expect(ai.generateObject(undefined, "bad", schema)).rejects.toMatchObject({ code: "AI_ANSWER_INVALID" });
    let streamed = "";
    for await (const piece of ai.streamText(undefined, { prompt: "s" }).stream) streamed += piece;
    expect(streamed).toBe("text");
    expect((await ai.embed("gemini-embedding-001", ["a", "b"], { dimensions: 4 })).embeddings.map((vector) => vector.length)).toEqual([
      4, 4,
    ]);
    expect(logger.getAllCalls().map(({ callType }) => callType)).toEqual(["object", "object", "stream", "embed"]);
  });

  it("lets latencies and retries pass in virtual time", async () => {
    const environment = createFakeEnvironment();
    const script = [{ error: { status: 429, retryAfterMs: 60_000 } }, { text: "late", latencyMs: 5_000 }];
    const { ai } = createMockAIHelper(script, { environment });
    let answer = "";
    const asked = ai.generateText(undefined, "q").then(({ text }) => {
      answer = text;
    });
    for (let i = 0; i < 200 && answer === ""; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      await environment.advance(1_000);
    }
    await asked;
    expect(answer).toBe("late");
  });

  it("adds topics and statistics up by whole segments, and records calls made elsewhere", async () => {
    const { ai, logger } = createMockAIHelper();
    const child = ai.createChild("page", "1");
    await child.generateText(undefined, "q");
    await ai.createChild("page", "10").recordCall("gemini-2.5-flash", "p", "r", { input: 1_000_000, output: 0 }, { callType: "object" });
    await ai.recordCall({ modelKey: "gemini-2.5-flash", prompt: "p", response: "r", inputTokens: 1, outputTokens: 1, cost: 2 });
    expect([child.topic, (await child.getStats()).totalCalls, (await ai.getStats()).totalCalls]).toEqual(["test.page.1", 1, 3]);
    expect(logger.getCallsByTopic("test.page.10")).toMatchObject([{ callType: "object", cost: 0.3 }]);
    expect((await ai.getStats()).totalCost).toBeCloseTo(2.3, 3);
  });
});

describe("recorded provider", () => {
  it("asks the provider once, and the file from then on", async () => {
    const folder = mkdtempSync(join(tmpdir(), "recorded-"));
    const file = join(folder, "calls", "tape.json");
    try {
      const helper = (resolver: ReturnType<typeof createRecordedProvider>["resolver"]) =>
        createAIHelper("t", new InMemoryAICallLogger(), undefined, resolver);
      const real = createMockProvider(({ prompt, schema }) => (schema ? { object: { ok: true } } : `real: ${prompt}`));
      const schema = z.object({ ok: z.boolean() });
      const use = async (ai: ReturnType<typeof helper>) => {
        const { text, inputTokens } = await ai.generateText(undefined, "q");
        const { object } = await ai.generateObject(undefined, "o", schema);
        let streamed = "";
        for await (const piece of ai.streamText(undefined, { prompt: "s" }).stream) streamed += piece;
        const { embeddings } = await ai.embed("gemini-embedding-001", ["a"], { dimensions: 3 });
        return { text, inputTokens, object, streamed, embeddings };
      };
      const recording = createRecordedProvider({ file, inner: real.resolver });
      const first = await use(helper(recording.resolver));
      const replaying = createRecordedProvider({ file, mode: "replay", inner: () => expect.unreachable() });
      expect(await use(helper(replaying.resolver))).toEqual(first);
      expect([recording.counts, replaying.counts]).toEqual([
        { played: 0, recorded: 4 },
        { played: 4, recorded: 0 },
      ]);
      await expect(helper(replaying.resolver).generateText(undefined, "new")).rejects.toThrow("has no recording");
      expect(readFileSync(file, "utf8")).toContain("real: q");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
