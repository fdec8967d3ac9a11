import { expect, it } from "vitest";
import { escapeMarkdown, type Findings, renderReport } from "./report.ts";

const FINDINGS: Findings = {
  document: { title: "A *bold* title", source: "https://x.test/a_b", kind: "pdf", wordCount: 1_150, pages: 2, warnings: ["Cut."] },
  keywords: [{ phrase: "a|b", count: 2, score: 3.25 }],
  entities: [
    { text: "1494", type: "DATE", count: 1 },
    { text: "Luca Pacioli", type: "NAME", count: 5 },
  ],
  sentiment: {
    score: 0.25,
    label: "positive",
    positive: 2,
    neutral: 1,
    negative: 0,
    course: [0, 0.5],
    brightest: [{ text: "Good.", score: 0.5 }],
    darkest: [],
  },
  summary: { sentences: ["First # sentence.", "Second."], sentenceCount: 3 },
};

it("renders everything a stage found", () => {
  expect(renderReport(FINDINGS)).toBe(`# A \\*bold\\* title

> **Note:** Cut.

- **Source:** https://x.test/a_b (PDF, 2 pages)
- **Length:** 1,150 words in 3 sentences, about 5 min to read

## Summary

- First # sentence.
- Second.

## Keywords

| Phrase | Mentions | Weight |
| --- | ---: | ---: |
| a\\|b | 2 | 3.3 |

## Names and figures

- **Names:** Luca Pacioli (5)
- **Dates:** 1494

## Sentiment

**Positive** (+0.25 on a scale from -1 to 1): 2 positive, 1 neutral and 0 negative sentences.

From beginning to end: \`▁█\`

Most positive:

- Good. (+0.50)
`);
});

it("leaves out what nothing was found for", () => {
  const report = renderReport({
    ...FINDINGS,
    keywords: [],
    entities: [],
    sentiment: { ...FINDINGS.sentiment, course: [0.1], brightest: [] },
  });
  expect(report).not.toMatch(/Keywords|Names and figures|From beginning|Most positive/);
});

it("escapes markup, so that a document cannot shape its report", () => {
  expect(["# x", "- x", "1. x", "12) x", "1494 x"].map(escapeMarkdown)).toEqual(["\\# x", "\\- x", "1\\. x", "12\\) x", "1494 x"]);
  expect(escapeMarkdown("a\n# <b>_x_</b> [l](u) `c` ~~d~~")).toBe("a # \\<b\\>\\_x\\_\\</b\\> \\[l\\](u) \\`c\\` \\~\\~d\\~\\~");
});
