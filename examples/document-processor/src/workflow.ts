// The document processor: a path or URL in, a Markdown report out.
//
//   extract-text -> ( keywords | sentiment | summary ) -> report
//
// No key, no network but for the document itself: the analyses run on a model that comes from npm. With a provider's key in the
// environment a language model writes the summary.
import { defineWorkflow } from "@bratsos/workflow-engine";
import { extractText, SourceSchema } from "./stages/extract-text.ts";
import { keywords } from "./stages/keywords.ts";
import { ReportSchema, report } from "./stages/report.ts";
import { sentiment } from "./stages/sentiment.ts";
import { summary } from "./stages/summary.ts";

/** Reads a document and reports on it. */
export const documentProcessor = defineWorkflow({
  id: "document-processor",
  name: "Document processor",
  description: "Extracts a document's text, analyses it three ways at once, and writes a report",
  input: SourceSchema,
  output: ReportSchema,
})
  .pipe(extractText)
  .parallel([keywords, sentiment, summary])
  .pipe(report)
  .build();

/** What the command line finds in this module. */
export const workflows = [documentProcessor];
