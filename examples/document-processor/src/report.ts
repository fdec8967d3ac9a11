// The report as Markdown: what a person wants first comes first, and every quoted word is escaped, because a document must
// not be able to change the shape of the report about it.
import { ENTITY_TYPES, type Entity } from "./analysis/entities.ts";
import type { Keyword } from "./analysis/keywords.ts";
import type { ScoredSentence, Sentiment } from "./analysis/sentiment.ts";
import type { ExtractedText } from "./stages/extract-text.ts";

/** Everything the report tells. */
export interface Findings {
  readonly document: Omit<ExtractedText, "text">;
  readonly keywords: readonly Keyword[];
  readonly entities: readonly Entity[];
  readonly sentiment: Sentiment;
  readonly summary: { readonly sentences: readonly string[]; readonly sentenceCount: number };
}

const WORDS_PER_MINUTE = 230; // silent reading of English, Brysbaert 2019: 238 for non-fiction
const KIND_NAMES = { text: "plain text", markdown: "Markdown", html: "HTML", pdf: "PDF" } as const;
const TYPE_NAMES: Readonly<Record<Entity["type"], string>> = {
  NAME: "Names",
  DATE: "Dates",
  TIME: "Times",
  DURATION: "Durations",
  MONEY: "Money",
  PERCENT: "Percentages",
  EMAIL: "Addresses",
  URL: "Links",
};
const BARS = "▁▂▃▄▅▆▇█";

/** Renders the findings as one Markdown document that ends in a newline. */
export function renderReport(findings: Findings): string {
  const sections = [
    `# ${escapeMarkdown(findings.document.title)}`,
    ...findings.document.warnings.map((warning) => `> **Note:** ${escapeMarkdown(warning)}`),
    renderFacts(findings),
    `## Summary\n\n${findings.summary.sentences.map((sentence) => `- ${escapeMarkdown(sentence)}`).join("\n")}`,
    renderKeywords(findings.keywords),
    renderEntities(findings.entities),
    renderSentiment(findings.sentiment),
  ];
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`;
}

/** Escapes what Markdown would take for markup, inside a line and at its start; `_` inside a word is none. */
export function escapeMarkdown(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/[\\`*[\]<>|~]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\$&")
    .replace(/^(?:[-+#]|\d+(?=[.)]))/, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start}`));
}

function renderFacts({ document, summary }: Findings): string {
  const pages = document.pages === undefined ? "" : `, ${document.pages} ${document.pages === 1 ? "page" : "pages"}`;
  const minutes = Math.max(1, Math.round(document.wordCount / WORDS_PER_MINUTE));
  return [
    `- **Source:** ${escapeMarkdown(document.source)} (${KIND_NAMES[document.kind]}${pages})`,
    `- **Length:** ${document.wordCount.toLocaleString("en")} words in ${summary.sentenceCount.toLocaleString("en")} sentences, about ${minutes} min to read`,
  ].join("\n");
}

function renderKeywords(keywords: readonly Keyword[]): string {
  if (keywords.length === 0) return "";
  const rows = keywords.map(({ phrase, count, score }) => `| ${escapeMarkdown(phrase)} | ${count} | ${score.toFixed(1)} |`);
  return ["## Keywords", "", "| Phrase | Mentions | Weight |", "| --- | ---: | ---: |", ...rows].join("\n");
}

function renderEntities(entities: readonly Entity[]): string {
  const lines = ENTITY_TYPES.flatMap((type) => {
    const texts = entities
      .filter((entity) => entity.type === type)
      .map(({ text, count }) => escapeMarkdown(text) + (count > 1 ? ` (${count})` : ""));
    return texts.length > 0 ? [`- **${TYPE_NAMES[type]}:** ${texts.join(" · ")}`] : [];
  });
  return lines.length > 0 ? `## Names and figures\n\n${lines.join("\n")}` : "";
}

function renderSentiment(sentiment: Sentiment): string {
  const { label, score, positive, neutral, negative, course } = sentiment;
  return [
    "## Sentiment",
    "",
    `**${label[0]!.toUpperCase()}${label.slice(1)}** (${signed(score)} on a scale from -1 to 1): ` +
      `${positive} positive, ${neutral} neutral and ${negative} negative sentences.`,
    ...(course.length > 1 ? ["", `From beginning to end: \`${sparkline(course)}\``] : []),
    ...quotes("Most positive", sentiment.brightest),
    ...quotes("Most negative", sentiment.darkest),
  ].join("\n");
}

function quotes(heading: string, sentences: readonly ScoredSentence[]): string[] {
  if (sentences.length === 0) return [];
  return ["", `${heading}:`, "", ...sentences.map(({ text, score }) => `- ${escapeMarkdown(text)} (${signed(score)})`)];
}

function signed(score: number): string {
  return `${score > 0 ? "+" : ""}${score.toFixed(2)}`;
}

/** One bar for each value, lowest to highest; a flat line when all are equal. */
function sparkline(values: readonly number[]): string {
  const low = Math.min(...values);
  const range = Math.max(...values) - low;
  return values.map((value) => BARS[range === 0 ? 3 : Math.round(((value - low) / range) * (BARS.length - 1))]).join("");
}
