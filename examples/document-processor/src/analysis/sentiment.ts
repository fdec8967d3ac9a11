// The document's mood: wink-nlp scores every sentence from -1 to 1 by the words it uses, negations included; here they are
// averaged, also over equal parts of the document, so that a report can show how the mood moves.
import type { Sentence } from "./sentences.ts";

/** A sentence and its score, -1 to 1. */
export interface ScoredSentence {
  readonly text: string;
  readonly score: number;
}

/** The mood of a document. */
export interface Sentiment {
  /** Mean over all sentences, -1 to 1. */
  readonly score: number;
  readonly label: "positive" | "neutral" | "negative";
  readonly positive: number;
  readonly neutral: number;
  readonly negative: number;
  /** Means over consecutive parts of the document, at most ten. */
  readonly course: number[];
  /** The strongest sentences on either side, strongest first. */
  readonly brightest: ScoredSentence[];
  readonly darkest: ScoredSentence[];
}

const LEANS = 0.05; // a mean closer to zero than this is called neutral
const PARTS = 10;

/** Averages the sentences' scores; `examples` is how many sentences are quoted on either side. */
export function measureSentiment(sentences: readonly Sentence[], examples: number): Sentiment {
  const scores = sentences.map((sentence) => sentence.sentiment);
  const score = mean(scores);
  const quoted = sentences.filter((sentence) => sentence.isProse).map(({ text, sentiment }) => ({ text, score: round(sentiment) }));
  return {
    score: round(score),
    label: score > LEANS ? "positive" : score < -LEANS ? "negative" : "neutral",
    positive: scores.filter((value) => value > 0).length,
    neutral: scores.filter((value) => value === 0).length,
    negative: scores.filter((value) => value < 0).length,
    course: courseOf(scores),
    brightest: strongest(quoted, 1, examples),
    darkest: strongest(quoted, -1, examples),
  };
}

function courseOf(scores: readonly number[]): number[] {
  const parts = Math.min(PARTS, scores.length);
  return Array.from({ length: parts }, (_, part) => {
    const start = Math.floor((part * scores.length) / parts);
    return round(mean(scores.slice(start, Math.floor(((part + 1) * scores.length) / parts))));
  });
}

function strongest(sentences: readonly ScoredSentence[], sign: 1 | -1, examples: number): ScoredSentence[] {
  return sentences
    .filter(({ score }) => score * sign > 0)
    .toSorted((a, b) => (b.score - a.score) * sign)
    .slice(0, examples);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
