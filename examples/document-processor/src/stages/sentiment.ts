// Analysis, in parallel with keywords and summary: the document's mood and how it moves.
import { defineStage } from "@bratsos/workflow-engine";
import { z } from "zod";
import { readSentences } from "../analysis/sentences.ts";
import { measureSentiment } from "../analysis/sentiment.ts";
import { ExtractedTextSchema } from "./extract-text.ts";
import { PaceSchema, step } from "./step.ts";

const ScoredSentenceSchema = z.object({ text: z.string(), score: z.number() });

/** The mean sentiment (-1 to 1), its course over the document, and the sentences that lean most. */
export const SentimentSchema = z.object({
  score: z.number(),
  label: z.enum(["positive", "neutral", "negative"]),
  positive: z.number().int(),
  neutral: z.number().int(),
  negative: z.number().int(),
  course: z.array(z.number()),
  brightest: z.array(ScoredSentenceSchema),
  darkest: z.array(ScoredSentenceSchema),
});

/** Measures how positive or negative the document's sentences are. */
export const sentiment = defineStage({
  id: "sentiment",
  name: "Sentiment",
  description: "Measures how positive or negative the sentences are, and how that changes",
  schemas: {
    input: ExtractedTextSchema,
    output: SentimentSchema,
    config: PaceSchema.extend({
      exampleCount: z.number().int().min(0).max(20).default(3).describe("Sentences to quote on either side"),
    }),
  },
  async execute(ctx) {
    await step(ctx, 10, "Reading sentences");
    const sentences = readSentences(ctx.input.text);
    await step(ctx, 50, `Scoring ${sentences.length} sentences`);
    const mood = measureSentiment(sentences, ctx.config.exampleCount);
    ctx.log("INFO", `The document is ${mood.label} (${mood.score})`);
    await step(ctx, 90, `${mood.positive} positive, ${mood.negative} negative`);
    return { output: mood };
  },
});
