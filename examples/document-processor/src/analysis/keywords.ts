// Key phrases: the noun phrases a document returns to. Candidates are runs of adjectives and nouns that end in a noun; their
// rank is the C-value, which counts a phrase inside a longer one ("queue" in "message queue") only as far as it stands alone.
// Source: Frantzi, Ananiadou, Mima, "Automatic recognition of multi-word terms: the C-value/NC-value method" (2000), with 1
// added to the logarithm so that single words can be ranked as well.
import type { Sentence, Word } from "./sentences.ts";

/** A key phrase, as it is most often written, with its occurrences and its C-value (higher is more central). */
export interface Keyword {
  readonly phrase: string;
  readonly count: number;
  readonly score: number;
}

interface Candidate {
  readonly key: string;
  readonly length: number;
  readonly forms: Map<string, number>;
  count: number;
  /** Occurrences inside longer candidates, and in how many different ones. */
  nested: number;
  readonly containers: Set<string>;
}

const LONGEST_PHRASE = 3;
const VAGUE = new Set(
  "thing way time year day kind part people person man woman number case place lot one point fact word end side example something anything nothing everything everyone reason moment bit".split(
    " ",
  ),
);

/** The `limit` phrases with the highest C-value, best first; phrases that occur once only when there are too few others. */
export function findKeywords(sentences: readonly Sentence[], limit: number): Keyword[] {
  const candidates = new Map<string, Candidate>();
  for (const sentence of sentences) {
    for (const run of nounRuns(sentence)) collect(run, candidates);
  }
  const ranked = [...candidates.values()]
    .filter((candidate) => candidate.length > 1 || !VAGUE.has(candidate.key))
    .map((candidate) => ({ phrase: usualForm(candidate), count: candidate.count, score: cValue(candidate) }))
    .filter((keyword) => keyword.score > 0)
    .toSorted((a, b) => b.score - a.score || b.count - a.count); // a stable sort: equals stay in order of appearance
  const repeated = ranked.filter((keyword) => keyword.count > 1);
  return (repeated.length >= limit ? repeated : [...repeated, ...ranked.filter((keyword) => keyword.count === 1)]).slice(0, limit);
}

function nounRuns(sentence: Sentence): Word[][] {
  const runs: Word[][] = [];
  let run: Word[] = [];
  for (const word of sentence.words) {
    if (isPhraseWord(word)) {
      run.push(word);
    } else if (word.text !== "-" || run.length === 0) {
      runs.push(run); // a hyphen alone joins: "durable-execution engine"
      run = [];
    }
  }
  return [...runs, run].filter((words) => words.length > 0);
}

function isPhraseWord(word: Word): boolean {
  const isNominal = word.partOfSpeech === "NOUN" || word.partOfSpeech === "ADJ";
  return isNominal && !word.isStopWord && /^\p{L}[\p{L}-]{2,}$/u.test(word.text);
}

function collect(run: readonly Word[], candidates: Map<string, Candidate>): void {
  const found: { candidate: Candidate; start: number; end: number }[] = [];
  for (let length = Math.min(LONGEST_PHRASE, run.length); length >= 1; length -= 1) {
    for (let start = 0; start + length <= run.length; start += 1) {
      const words = run.slice(start, start + length);
      if (words.at(-1)!.partOfSpeech !== "NOUN") continue;
      const candidate = candidateOf(words, candidates);
      candidate.count += 1;
      const form = words.map((word) => word.text.toLowerCase()).join(" ");
      candidate.forms.set(form, (candidate.forms.get(form) ?? 0) + 1);
      const container = found.find((longer) => longer.start <= start && longer.end >= start + length);
      if (container) {
        candidate.nested += 1;
        candidate.containers.add(container.candidate.key);
      }
      found.push({ candidate, start, end: start + length });
    }
  }
}

function candidateOf(words: readonly Word[], candidates: Map<string, Candidate>): Candidate {
  const key = words.map((word) => word.lemma).join(" ");
  let candidate = candidates.get(key);
  if (!candidate) {
    candidate = { key, length: words.length, forms: new Map(), count: 0, nested: 0, containers: new Set() };
    candidates.set(key, candidate);
  }
  return candidate;
}

function cValue(candidate: Candidate): number {
  const { count, nested, containers, length } = candidate;
  const alone = containers.size === 0 ? count : count - nested / containers.size;
  return Math.round((1 + Math.log2(length)) * alone * 100) / 100;
}

function usualForm(candidate: Candidate): string {
  return [...candidate.forms].reduce((best, form) => (form[1] > best[1] ? form : best))[0];
}
