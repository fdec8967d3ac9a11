// First stage: from a path or URL to readable text. The only one that touches the outside, hence the only one that retries;
// whatever will not get better (no such file, a password, a format nobody reads) fails at once with a FatalError.
import { defineStage } from "@bratsos/workflow-engine";
import { z } from "zod";
import { looksEnglish, readSentences } from "../analysis/sentences.ts";
import { detectKind } from "../reading/document-kind.ts";
import { fetchDocument, readDocument } from "../reading/read-document.ts";
import { countWords, cutText } from "../reading/tidy-text.ts";
import { PaceSchema, step } from "./step.ts";

/** What the workflow is given. */
export const SourceSchema = z.object({
  source: z.string().min(1).describe("Path or http(s) URL of a text, Markdown, HTML or PDF document"),
});

/** A document as text: blocks separated by blank lines. */
export const ExtractedTextSchema = z.object({
  title: z.string(),
  /** Absolute path, or the URL after redirects. */
  source: z.string(),
  kind: z.enum(["text", "markdown", "html", "pdf"]),
  text: z.string(),
  wordCount: z.number().int(),
  pages: z.number().int().optional(),
  /** What a reader of the report should know about how far it can be trusted. */
  warnings: z.array(z.string()),
});

/** The type of ExtractedTextSchema. */
export type ExtractedText = z.output<typeof ExtractedTextSchema>;

const SAMPLE_CHARACTERS = 5_000;

/** Reads the document and tells its kind, title, text and number of words. */
export const extractText = defineStage({
  id: "extract-text",
  name: "Extract text",
  description: "Reads a file or URL and extracts its readable text",
  schemas: {
    input: SourceSchema,
    output: ExtractedTextSchema,
    config: PaceSchema.extend({
      maxCharacters: z.number().int().positive().default(400_000).describe("Text beyond this many characters is left out"),
      maxBytes: z.number().int().positive().default(50_000_000).describe("Largest document in bytes"),
      timeoutMs: z.number().int().positive().default(20_000).describe("Longest download in milliseconds"),
    }),
  },
  retry: { maxAttempts: 3, initialMs: 300, factor: 3, maxMs: 2_000 },
  async execute(ctx) {
    const { maxCharacters, maxBytes, timeoutMs } = ctx.config;
    await step(ctx, 5, `Fetching ${ctx.input.source}`);
    const raw = await fetchDocument(ctx.input.source, { maxBytes, timeoutMs, signal: ctx.signal });
    const kind = detectKind(raw);
    await step(ctx, 35, `Reading ${raw.bytes.length.toLocaleString("en")} bytes of ${kind}`);
    const document = await readDocument(raw, kind);
    await step(ctx, 75, `Checking "${document.title}"`);
    const text = cutText(document.text, maxCharacters);
    const warnings = warningsFor(document.text, text);
    for (const warning of warnings) ctx.log("WARN", warning);
    const wordCount = countWords(text);
    ctx.log("INFO", `Extracted ${wordCount.toLocaleString("en")} words`, { kind, source: raw.location, characters: text.length });
    const pages = document.pages === undefined ? {} : { pages: document.pages };
    return { output: { title: document.title, source: raw.location, kind, text, wordCount, ...pages, warnings } };
  },
});

function warningsFor(whole: string, text: string): string[] {
  const warnings: string[] = [];
  if (text.length < whole.length) {
    const share = Math.max(1, Math.round((text.length / whole.length) * 100));
    warnings.push(`Only the first ${share} % of the text was read (maxCharacters); the rest is not in this report.`);
  }
  if (!looksEnglish(readSentences(text.slice(0, SAMPLE_CHARACTERS)))) {
    warnings.push("The text does not look English; the analyses know no other language, so take their results with care.");
  }
  return warnings;
}
