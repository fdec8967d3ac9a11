// Names, dates and amounts. wink-nlp finds by form what has one (dates, money, durations); names are found here as runs of
// proper nouns, without a guess whether each is a person, a place or a firm: the light model does not know, and neither
// would a list of ours. "Gray" counts towards "Jim Gray" when nobody else in the document bears that last name.
import type { Sentence, Word } from "./sentences.ts";

/** Something the document names, with the number of its mentions. */
export interface Entity {
  readonly text: string;
  readonly type: EntityType;
  readonly count: number;
}

/** What an entity is: a proper name, or a form that wink-nlp recognises. */
export type EntityType = (typeof ENTITY_TYPES)[number];

/** All entity types, in the order of a report. */
export const ENTITY_TYPES = ["NAME", "DATE", "TIME", "DURATION", "MONEY", "PERCENT", "EMAIL", "URL"] as const;

const LEADING_PREPOSITION = /^(?:after|before|by|during|from|in|on|since|until)\s+/i;
const IS_DEFINITE = /[\d@]|\s/; // "1494" and "four decades" say something, "morning" and "days" alone do not
const PARTICLES = new Set(["de", "di", "da", "del", "della", "van", "von", "der", "den", "la", "le", "du"]);
const HEADS_WITH_OF = new Set(
  "Academy Bank Bay Board Chamber City College Court Department Duke Exchange Gulf House Institute Isle Journal King Kingdom Ministry Museum Office Palace Queen Republic School Society State Tower Treaty University".split(
    " ",
  ),
);

/** The `limit` most frequent entities of every type; equals in order of appearance. */
export function findEntities(sentences: readonly Sentence[], limit: number): Entity[] {
  const byType = new Map<EntityType, Map<string, number>>();
  for (const sentence of sentences) {
    for (const mention of sentence.mentions) {
      const text = mention.text.replace(/\s+/g, " ").replace(LEADING_PREPOSITION, "");
      // "since 1410" is a duration to wink-nlp; the year it mentions is a date
      const isYear = mention.type === "DURATION" && /^\d{4}$/.test(text);
      const type = isYear ? "DATE" : ENTITY_TYPES.find((known) => known === mention.type);
      if (type && IS_DEFINITE.test(text)) count(byType, type, text);
    }
  }
  const names = new Map<string, number>();
  for (const name of findNames(sentences)) names.set(name, (names.get(name) ?? 0) + 1);
  byType.set("NAME", foldLastNames(names));
  return ENTITY_TYPES.flatMap((type) =>
    [...(byType.get(type) ?? [])]
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, limit)
      .map(([text, mentions]) => ({ text, type, count: mentions })),
  );
}

function count(byType: Map<EntityType, Map<string, number>>, type: EntityType, text: string): void {
  const counts = byType.get(type) ?? new Map<string, number>();
  byType.set(type, counts.set(text, (counts.get(text) ?? 0) + 1));
}

function findNames(sentences: readonly Sentence[]): string[] {
  const names: { text: string; opensSentence: boolean }[] = [];
  for (const sentence of sentences) {
    if (!sentence.isProse) continue; // a heading capitalises everything
    for (const run of nameRuns(sentence)) {
      names.push({
        text: run.words
          .map((word) => word.text)
          .join(" ")
          .replaceAll(" - ", "-"),
        opensSentence: run.start === 0,
      });
    }
  }
  // One capital at the start of a sentence proves nothing: such a word is a name if it is one elsewhere as well.
  const proven = new Set(names.filter((name) => !name.opensSentence).flatMap((name) => [name.text, ...name.text.split(" ")]));
  return names.filter((name) => !name.opensSentence || name.text.includes(" ") || proven.has(name.text)).map((name) => name.text);
}

function nameRuns(sentence: Sentence): { words: Word[]; start: number }[] {
  const runs: { words: Word[]; start: number }[] = [];
  const { words } = sentence;
  const start = words.findIndex((word) => /[\p{L}\p{N}]/u.test(word.text));
  for (let index = Math.max(start, 0); index < words.length; index += 1) {
    if (!isName(sentence, index)) continue;
    let end = index + 1;
    while (end < words.length) {
      const next = isName(sentence, end) ? end : nameBehindLink(sentence, end);
      if (next === undefined) break;
      end = next + 1;
    }
    runs.push({ words: words.slice(index, end), start: index - Math.max(start, 0) });
    index = end;
  }
  return runs;
}

/** "Garcia-Molina", "Bank of England" and "van der Waals": the index of the name behind one or two linking words, if they do link. */
function nameBehindLink(sentence: Sentence, at: number): number | undefined {
  const { words } = sentence;
  const link = words[at]!.text;
  if (link === "-") {
    const isOneWord = isName(sentence, at + 1) && sentence.text.includes(`${words[at - 1]!.text}-${words[at + 1]!.text}`);
    return isOneWord ? at + 1 : undefined;
  }
  const links = PARTICLES.has(link) || (link === "of" && HEADS_WITH_OF.has(words[at - 1]?.text ?? ""));
  if (!links) return undefined;
  if (isName(sentence, at + 1)) return at + 1;
  const second = words[at + 1]?.text ?? "";
  return (PARTICLES.has(second) || second === "the") && isName(sentence, at + 2) ? at + 2 : undefined;
}

function isName(sentence: Sentence, index: number): boolean {
  const word = sentence.words[index];
  if (word === undefined || word.partOfSpeech !== "PROPN" || word.isStopWord) return false;
  if (!/^(?!I['’])\p{Lu}(?:[\p{L}\p{M}.'’-]+\d*|\d+)$/u.test(word.text)) return false;
  return !sentence.mentions.some((mention) => index >= mention.first && index <= mention.last);
}

function foldLastNames(names: ReadonlyMap<string, number>): Map<string, number> {
  const folded = new Map(names);
  for (const [name, mentions] of names) {
    if (name.includes(" ")) continue;
    const bearers = [...names.keys()].filter((full) => full.endsWith(` ${name}`));
    if (bearers.length !== 1) continue;
    folded.set(bearers[0]!, folded.get(bearers[0]!)! + mentions);
    folded.delete(name);
  }
  return folded;
}
