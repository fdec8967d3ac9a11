// Last stage: one Markdown report out of all the others. The file is written beside its final place and renamed, so that a
// worker killed in the middle leaves the old report or the new one, never half of one; writing it twice is harmless.
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { defineStage, FatalError } from "@bratsos/workflow-engine";
import { z } from "zod";
import { renderReport } from "../report.ts";
import { type ExtractedText, ExtractedTextSchema } from "./extract-text.ts";
import { KeywordsSchema } from "./keywords.ts";
import { SentimentSchema } from "./sentiment.ts";
import { PaceSchema, step } from "./step.ts";
import { SummarySchema } from "./summary.ts";

/** What the workflow returns. */
export const ReportSchema = ExtractedTextSchema.omit({ text: true }).extend({
  sentenceCount: z.number().int(),
  summary: z.array(z.string()),
  keywords: z.array(z.string()),
  sentiment: z.object({ label: z.string(), score: z.number() }),
  markdown: z.string(),
  /** Absolute path of the written report; absent when the config names none. */
  reportPath: z.string().optional(),
});

/** Renders the report and writes it to `reportPath`, when there is one. */
export const report = defineStage<{ "extract-text": ExtractedText }>()({
  id: "report",
  name: "Report",
  description: "Writes the findings as Markdown",
  dependencies: ["extract-text"],
  schemas: {
    input: z.object({ keywords: KeywordsSchema, sentiment: SentimentSchema, summary: SummarySchema }),
    output: ReportSchema,
    config: PaceSchema.extend({
      reportPath: z.string().min(1).optional().describe("File to write the report to; returned only, when absent"),
    }),
  },
  async execute(ctx) {
    const { text, ...document } = ctx.require("extract-text");
    const { keywords, sentiment, summary } = ctx.input;
    await step(ctx, 20, `Composing the report on "${document.title}"`);
    const markdown = renderReport({ document, ...keywords, sentiment, summary });
    const reportPath = ctx.config.reportPath && resolve(ctx.config.reportPath);
    await step(ctx, 70, reportPath ? `Writing ${reportPath}` : "Returning the report");
    if (reportPath) await writeWhole(reportPath, markdown, ctx.executionId);
    ctx.log("INFO", `Reported on ${text.length.toLocaleString("en")} characters in ${markdown.length.toLocaleString("en")}`);
    return {
      output: {
        ...document,
        sentenceCount: summary.sentenceCount,
        summary: summary.sentences,
        keywords: keywords.keywords.map((keyword) => keyword.phrase),
        sentiment: { label: sentiment.label, score: sentiment.score },
        markdown,
        ...(reportPath && { reportPath }),
      },
    };
  },
});

async function writeWhole(path: string, content: string, executionId: string): Promise<void> {
  const draft = `${path}.${executionId}.draft`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(draft, content);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {}); // the failure to write is the one to report
    const reason = error instanceof Error ? error.message : String(error);
    throw new FatalError(`The report cannot be written to ${path}: ${reason}. Name another reportPath.`, { cause: error });
  }
}
