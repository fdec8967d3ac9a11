// The summary with a model: its words when it answers, the document's own when it does not.

import { defineWorkflow } from "@bratsos/workflow-engine";
import { createTestKernel } from "@bratsos/workflow-engine/testing";
import { expect, it } from "vitest";
import { summary } from "./stages/summary.ts";

const text = "Tide tables hold. The sea keeps its own time. Ships wait for it. Nobody argues with the tide.";
const input = { text, title: "Tides", wordCount: 18, kind: "text" as const, source: "x", warnings: [] };
const workflow = defineWorkflow({ id: "w", name: "W", input: summary.inputSchema }).pipe(summary).build();
const config = { summary: { model: "gpt-4.1-mini", sentenceCount: 2 } };

it("asks the model, and does without when it cannot", async () => {
  const asked = createTestKernel({ workflows: [workflow], ai: [{ object: { sentences: ["One.", "Two.", "Three."] } }] });
  expect((await asked.runToEnd({ workflowId: "w", input, config })).run.output).toMatchObject({
    sentences: ["One.", "Two."],
    sentenceCount: 4,
  });
  const mute = createTestKernel({ workflows: [workflow], ai: [{ error: { status: 401 } }] });
  const { sentences } = (await mute.runToEnd({ workflowId: "w", input, config })).run.output as { sentences: string[] };
  expect([sentences.length, sentences.every((sentence) => text.includes(sentence))]).toEqual([2, true]);
});
