// An extractive summary: the sentences most like the rest of the document, in the document's own words and order. Continuous
// LexRank (Erkan, Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization", JAIR 2004): PageRank
// over the cosine similarity of TF-IDF vectors. The similarity matrix is never built: with unit vectors as rows of X it is
// X times its transpose, so one step costs the number of words, not of pairs of sentences. Sentences that repeat a chosen
// one are passed over, after Carbonell and Goldstein's maximal marginal relevance (1998).
import type { Sentence } from "./sentences.ts";

type Vector = ReadonlyMap<string, number>;

const DAMPING = 0.85;
const STEPS = 30;
const ALIKE = 0.45; // cosine from which two sentences say the same
const FEWEST_WORDS = 8;
const MOST_WORDS = 45;
const LEANS_ON_CONTEXT =
  /^["'“‘(]?(?:and|but|or|so|yet|it|its|this|that|these|those|he|she|they|his|her|their|such|here|there|then|nor|both)\b/i;

/** Chooses up to `limit` sentences of the text, verbatim, in the order of the text. */
export function summarize(sentences: readonly Sentence[], limit: number): string[] {
  const candidates = candidatesOf(sentences);
  const vectors = unitVectors(candidates);
  const central = centrality(vectors);
  const ranked = candidates
    .map((sentence, index) => ({ index, score: central[index]! * fitness(sentence, index, candidates.length) }))
    .toSorted((a, b) => b.score - a.score);
  const chosen: number[] = [];
  for (const { index } of ranked) {
    if (chosen.length === limit) break;
    if (chosen.every((other) => cosine(vectors[index]!, vectors[other]!) < ALIKE)) chosen.push(index);
  }
  return chosen.toSorted((a, b) => a - b).map((index) => candidates[index]!.text);
}

/** Whole sentences of a readable length; all of the prose, or all there is, when a document has none of these. */
function candidatesOf(sentences: readonly Sentence[]): readonly Sentence[] {
  const prose = sentences.filter((sentence) => sentence.isProse);
  const readable = prose.filter((sentence) => {
    const length = sentence.words.filter((word) => /[\p{L}\p{N}]/u.test(word.text)).length;
    return length >= FEWEST_WORDS && length <= MOST_WORDS;
  });
  if (readable.length > 0) return readable;
  return prose.length > 0 ? prose : sentences;
}

/** What centrality cannot see: a question or a "But he..." makes a poor summary, an opening sentence a good one. */
function fitness(sentence: Sentence, index: number, total: number): number {
  const leaning = LEANS_ON_CONTEXT.test(sentence.text) ? 0.6 : 1;
  const asking = /\?["'”’)]*$/.test(sentence.text) ? 0.5 : 1;
  const opening = index < Math.max(3, total * 0.03) ? 1.2 : 1;
  return leaning * asking * opening;
}

function unitVectors(sentences: readonly Sentence[]): Vector[] {
  const counts = sentences.map((sentence) => {
    const terms = new Map<string, number>();
    for (const word of sentence.words) {
      if (!word.isStopWord && /\p{L}{2}/u.test(word.lemma)) terms.set(word.lemma, (terms.get(word.lemma) ?? 0) + 1);
    }
    return terms;
  });
  const documents = new Map<string, number>();
  for (const terms of counts) for (const term of terms.keys()) documents.set(term, (documents.get(term) ?? 0) + 1);
  return counts.map((terms) => {
    const weights = [...terms].map(([term, count]) => [term, count * Math.log(1 + sentences.length / documents.get(term)!)] as const);
    const norm = Math.hypot(...weights.map(([, weight]) => weight)) || 1;
    return new Map(weights.map(([term, weight]) => [term, weight / norm]));
  });
}

function centrality(vectors: readonly Vector[]): number[] {
  const degrees = similaritySums(
    vectors,
    vectors.map(() => 1),
  );
  let ranks = vectors.map(() => 1 / vectors.length);
  for (let step = 0; step < STEPS; step += 1) {
    const given = ranks.map((rank, index) => (degrees[index]! > 0 ? rank / degrees[index]! : 0));
    ranks = similaritySums(vectors, given).map((sum) => (1 - DAMPING) / vectors.length + DAMPING * sum);
  }
  return ranks;
}

/** For every sentence the sum over all others of similarity times weight: X (X^T w), less each sentence's own share. */
function similaritySums(vectors: readonly Vector[], weights: readonly number[]): number[] {
  const totals = new Map<string, number>();
  vectors.forEach((vector, index) => {
    for (const [term, value] of vector) totals.set(term, (totals.get(term) ?? 0) + value * weights[index]!);
  });
  return vectors.map((vector, index) => {
    let sum = 0;
    let own = 0;
    for (const [term, value] of vector) {
      sum += value * totals.get(term)!;
      own += value * value;
    }
    return Math.max(0, sum - own * weights[index]!);
  });
}

function cosine(a: Vector, b: Vector): number {
  let sum = 0;
  for (const [term, value] of a) sum += value * (b.get(term) ?? 0);
  return sum;
}
