// Summarise a text and classify it, side by side, then file it: two calls of a model, each on the ledger, within a budget.
import { type AnyWorkflow, defineStage, defineWorkflow, withAIConfig } from "@bratsos/workflow-engine";
import { z } from "zod";

const model = "gpt-4.1-mini";
const Text = z.object({ text: z.string() });
const Label = z.object({ topic: z.enum(["work", "money", "health", "other"]), urgent: z.boolean() });
const Summary = z.object({ summary: z.string() });
const config = withAIConfig(z.object({ model: z.string().default(model), maxTokens: z.number().int().default(300) }));

const summarise = defineStage({
  id: "summarise",
  name: "Summarise",
  schemas: { input: Text, output: Summary, config },
  async execute(ctx) {
    const { text } = await ctx.ai.generateText(undefined, `Summarise in one sentence:\n\n${ctx.input.text}`);
    return { output: { summary: text } };
  },
});

const classify = defineStage({
  id: "classify",
  name: "Classify",
  schemas: { input: Text, output: Label, config },
  async execute(ctx) {
    const { object } = await ctx.ai.generateObject(undefined, `Classify:\n\n${ctx.input.text}`, Label);
    return { output: object };
  },
});

const file = defineStage({
  id: "file",
  name: "File",
  schemas: { input: z.object({ summarise: Summary, classify: Label }), output: z.object({ line: z.string() }), config: z.object({}) },
  async execute({
    input: {
      summarise: { summary },
      classify: { topic, urgent },
    },
  }) {
    return { output: { line: `[${topic}${urgent ? "!" : ""}] ${summary}` } };
  },
});

/** Files a text under a topic. */
export const summariseAndClassify = defineWorkflow({
  id: "summarise-and-classify",
  name: "Summarise and classify",
  input: Text,
  budget: { usd: 0.05, onExceed: "hold" },
})
  .parallel([summarise, classify])
  .pipe(file)
  .build();

/** What the command line finds in this module. */
export const workflows: AnyWorkflow[] = [summariseAndClassify];
