// Analysis, in parallel with sentiment and summary: what the document is about and whom it names.
import { defineStage } from "@bratsos/workflow-engine";
import { z } from "zod";
import { ENTITY_TYPES, findEntities } from "../analysis/entities.ts";
import { findKeywords } from "../analysis/keywords.ts";
import { readSentences } from "../analysis/sentences.ts";
import { ExtractedTextSchema } from "./extract-text.ts";
import { PaceSchema, step } from "./step.ts";

/** Key phrases, best first, and entities by type, most frequent first. */
export const KeywordsSchema = z.object({
  keywords: z.array(z.object({ phrase: z.string(), count: z.number().int(), score: z.number() })),
  entities: z.array(z.object({ text: z.string(), type: z.enum(ENTITY_TYPES), count: z.number().int() })),
});

/** Finds key phrases, names, dates and amounts. */
export const keywords = defineStage({
  id: "keywords",
  name: "Keywords and entities",
  description: "Finds key phrases, names, dates and amounts",
  schemas: {
    input: ExtractedTextSchema,
    output: KeywordsSchema,
    config: PaceSchema.extend({
      keywordCount: z.number().int().min(1).max(100).default(12).describe("Key phrases to report"),
      entityCount: z.number().int().min(1).max(500).default(40).describe("Entities to report of each type"),
    }),
  },
  async execute(ctx) {
    await step(ctx, 10, "Reading sentences");
    const sentences = readSentences(ctx.input.text);
    await step(ctx, 40, `Ranking phrases of ${sentences.length} sentences`);
    const found = findKeywords(sentences, ctx.config.keywordCount);
    await step(ctx, 70, "Collecting names, dates and amounts");
    const entities = findEntities(sentences, ctx.config.entityCount);
    ctx.log("INFO", `Found ${found.length} key phrases and ${entities.length} entities`);
    return { output: { keywords: found, entities } };
  },
});
