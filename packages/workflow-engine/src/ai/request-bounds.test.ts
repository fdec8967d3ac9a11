// The most that a request can take is never less than what it takes.
import { describe, expect, it } from "vitest";
import type { ModelConfig } from "../models/index.ts";
import { embeddingBounds, languageBounds, promptText, unboundedAnswerTokens } from "./request-bounds.ts";

const model: ModelConfig = {
  id: "m",
  name: "M",
  provider: "p",
  inputCostPerMillion: 1,
  outputCostPerMillion: 1,
  contextLength: 1_000,
  maxCompletionTokens: 300,
};
const says = (text: string) => [{ role: "user" as const, content: [{ type: "text" as const, text }] }];

describe("bounds", () => {
  it("bound the input by its bytes, and by the context", () => {
    const short = languageBounds({ prompt: says("äöü") }, model);
    expect(short.inputTokens).toBeGreaterThan(6);
    expect(short.inputTokens).toBeLessThan(300);
    expect(languageBounds({ prompt: says("x".repeat(5_000)) }, model).inputTokens).toBe(1_000);
  });

  it("count tools and schemas, and a file as all the context can hold", () => {
    const plain = languageBounds({ prompt: says("a") }, model).inputTokens;
    const schema = { type: "object" as const, properties: { a: { type: "string" as const } } };
    expect(languageBounds({ prompt: says("a"), responseFormat: { type: "json", schema } }, model).inputTokens).toBeGreaterThan(plain);
    const file = { type: "file" as const, mediaType: "application/pdf", data: { type: "data" as const, data: new Uint8Array(3) } };
    const withFile = languageBounds({ prompt: [{ role: "user", content: [{ type: "text", text: "a" }, file] }] }, model);
    expect(withFile.inputTokens).toBe(1_000);
    expect(withFile.prompt).not.toContain("Uint8Array");
  });

  it("bound the answer by the request, else the model, else a constant; thinking comes on top", () => {
    const answer = (params: object, of = model) => languageBounds({ prompt: says("a"), ...params }, of).outputTokens;
    expect([answer({ maxOutputTokens: 7 }), answer({}), answer({}, { ...model, maxCompletionTokens: undefined })]).toEqual([
      7,
      300,
      unboundedAnswerTokens,
    ]);
    expect(answer({ maxOutputTokens: 7, providerOptions: { anthropic: { thinking: { type: "enabled", budgetTokens: 100 } } } })).toBe(107);
  });

  it("keep one user's text as it is", () => {
    expect(promptText(says("hello"))).toBe("hello");
    expect(promptText([{ role: "system", content: "s" }, ...says("hello")])).toContain('"system"');
    expect(embeddingBounds(["a", "b"]).prompt).toBe('["a","b"]');
  });
});
