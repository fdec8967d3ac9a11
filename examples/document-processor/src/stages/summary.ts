// Analysis, in parallel with keywords and sentiment: the sentences that stand for the document.
import { defineStage } from "@bratsos/workflow-engine";
import { z } from "zod";
import { readSentences } from "../analysis/sentences.ts";
import { summarize } from "../analysis/summary.ts";
import { ExtractedTextSchema } from "./extract-text.ts";
import { PaceSchema, step } from "./step.ts";

/** Sentences of the document, verbatim and in its order, and how many it has. */
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
    }),
  },
  async execute(ctx) {
    await step(ctx, 10, "Reading sentences");
    const sentences = readSentences(ctx.input.text);
    await step(ctx, 40, `Comparing ${sentences.length} sentences`);
    const chosen = summarize(sentences, ctx.config.sentenceCount);
    await step(ctx, 90, `Chose ${chosen.length} of ${sentences.length} sentences`);
    ctx.log("INFO", `Summarized ${sentences.length} sentences in ${chosen.length}`);
    return { output: { sentences: chosen, sentenceCount: sentences.length } };
  },
});
