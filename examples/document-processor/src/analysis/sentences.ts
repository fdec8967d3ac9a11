// The one place that knows wink-nlp: text in, plain sentences and words out, so that every analysis behind it is a pure
// function over literals. The English model is read from the package once per process: no key, no network.
import winkEnglish from "wink-eng-lite-web-model";
import winkNLP, { type ItemEntity, type ItemSentence, type ItsFunction } from "wink-nlp";

/** A word, number or sign with its part of speech, as wink-nlp tags it. */
export interface Word {
  readonly text: string;
  /** Base form in lower case: "queues" -> "queue". */
  readonly lemma: string;
  readonly partOfSpeech: string;
  readonly isStopWord: boolean;
}

/** Something wink-nlp recognises by its form: DATE, TIME, DURATION, MONEY, PERCENT, EMAIL, URL, CARDINAL, ORDINAL... */
export interface Mention {
  readonly text: string;
  readonly type: string;
  /** Indices of its first and last word in the sentence. */
  readonly first: number;
  readonly last: number;
}

/** A sentence exactly as it stands in the text. */
export interface Sentence {
  readonly text: string;
  /** False for headings, list fragments and table rows, which end without a full stop. */
  readonly isProse: boolean;
  readonly words: readonly Word[];
  readonly mentions: readonly Mention[];
  /** -1 (negative) to 1 (positive); 0 when no word carries a feeling. */
  readonly sentiment: number;
}

const SENTENCE_END = /[.!?…]["'”’)\]]*$/;
const FEWEST_PROSE_WORDS = 4;

let loaded: ReturnType<typeof winkNLP> | undefined;

function english() {
  loaded ??= winkNLP(winkEnglish);
  return loaded;
}

/** Splits tidied text (blocks separated by blank lines) into sentences; none of them crosses a block's end. */
export function readSentences(text: string): Sentence[] {
  const sentences: Sentence[] = [];
  for (const block of text.split("\n\n")) {
    if (block.trim() === "") continue;
    english()
      .readDoc(block)
      .sentences()
      .each((item: ItemSentence) => {
        const sentence = toSentence(item);
        if (sentence.text !== "") sentences.push(sentence);
      });
  }
  return sentences;
}

function toSentence(item: ItemSentence): Sentence {
  const { its } = english();
  const text = item.out().trim();
  const tokens = item.tokens();
  const lemmas = tokens.out(its.lemma as ItsFunction<string>);
  const tags = tokens.out(its.pos);
  const stops: unknown[] = tokens.out(its.stopWordFlag);
  const words = tokens.out().map((word, index) => ({
    text: word,
    lemma: String(lemmas[index]).toLowerCase(),
    partOfSpeech: String(tags[index]),
    isStopWord: stops[index] === true,
  }));
  return {
    text,
    isProse: SENTENCE_END.test(text) && words.length >= FEWEST_PROSE_WORDS,
    words,
    mentions: mentionsOf(item),
    sentiment: Number(item.out(its.sentiment)),
  };
}

function mentionsOf(item: ItemSentence): Mention[] {
  const { its } = english();
  // Typed for spans as wink-nlp defines them; `out` itself only promises "this or a string".
  const span = its.span as ItsFunction<number[]>;
  const [start = 0] = item.out(span) as number[];
  const mentions: Mention[] = [];
  item.entities().each((entity: ItemEntity) => {
    const [first = 0, last = 0] = entity.out(span) as number[];
    const { type } = entity.out(its.detail) as { type: string };
    mentions.push({ text: entity.out(), type, first: first - start, last: last - start });
  });
  return mentions;
}

/** Whether text is English as far as its most frequent small words tell; the model reads no other language. */
export function looksEnglish(sentences: readonly Sentence[]): boolean {
  const words = sentences.flatMap((sentence) => sentence.words.filter((word) => /^\p{L}+$/u.test(word.text)));
  if (words.length < 40) return true; // too little to say
  return words.filter((word) => word.isStopWord).length / words.length > 0.2;
}
