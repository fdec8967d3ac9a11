// Analysis, in parallel with keywords and sentiment: the sentences that stand for the document. With a model in its config they are
// the model's own words; without one, or when it cannot be reached, they are the document's.
import { defineStage, type EnhancedStageContext } from "@bratsos/workflow-engine";
import { z } from "zod";
import { readSentences } from "../analysis/sentences.ts";
import { summarize } from "../analysis/summary.ts";
import { ExtractedTextSchema } from "./extract-text.ts";
import { PaceSchema, step } from "./step.ts";

/** Sentences of the summary, in order, and how many the document has. */
export const SummarySchema = z.object({ sentences: z.array(z.string()), sentenceCount: z.number().int() });

/** Chooses the most central sentences. */
export const summary = defineStage({
  id: "summary",
  name: "Summary",
  description: "Chooses the sentences that stand for the document",
  schemas: {
    input: ExtractedTextSchema,
    output: SummarySchema,
    config: PaceSchema.extend({
      sentenceCount: z.number().int().min(1).max(50).default(5).describe("Sentences of the summary"),
      model: z.string().optional().describe("Key of a language model to ask; its provider's key must be set"),
    }),
  },
  async execute(ctx) {
    await step(ctx, 10, "Reading sentences");
    const sentences = readSentences(ctx.input.text);
    const { model, sentenceCount } = ctx.config;
    const written = model === undefined ? null : await askModel(ctx, model, sentenceCount);
    if (written) return { output: { sentences: written, sentenceCount: sentences.length } };
    await step(ctx, 40, `Comparing ${sentences.length} sentences`);
    const chosen = summarize(sentences, sentenceCount);
    await step(ctx, 90, `Chose ${chosen.length} of ${sentences.length} sentences`);
    ctx.log("INFO", `Summarized ${sentences.length} sentences in ${chosen.length}`);
    return { output: { sentences: chosen, sentenceCount: sentences.length } };
  },
});

/** The model's summary; null when it cannot be had, which is no reason to give no report. */
async function askModel(
  ctx: EnhancedStageContext<{ text: string }, { paceMs: number }>,
  model: string,
  count: number,
): Promise<string[] | null> {
  await step(ctx, 40, `Asking ${model}`);
  const prompt = `Summarise this document in at most ${count} sentences, each standing for itself:\n\n${ctx.input.text.slice(0, 100_000)}`;
  const Written = z.object({ sentences: z.array(z.string()) });
  try {
    const { object, cost } = await ctx.ai.generateObject(model, prompt, Written, { maxTokens: 2_000 });
    ctx.log("INFO", `${model} wrote the summary for $${cost.toFixed(6)}`);
    return object.sentences.slice(0, count);
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    ctx.log(
      "WARN",
      `${model} could not be asked, so the document's own sentences stand: ${error instanceof Error ? error.message : String(error)}`,
    );
    return null;
  }
}
