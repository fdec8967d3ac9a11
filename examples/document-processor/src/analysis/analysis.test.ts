// The analyses over the document that comes with this example, by properties a reader can check in the text itself, and
// over small texts where the right answer is plain.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readMarkdown } from "../reading/markdown-text.ts";
import { tidyText } from "../reading/tidy-text.ts";
import { findEntities } from "./entities.ts";
import { findKeywords } from "./keywords.ts";
import { looksEnglish, readSentences } from "./sentences.ts";
import { measureSentiment } from "./sentiment.ts";
import { summarize } from "./summary.ts";

const ESSAY = readFileSync(new URL("../../documents/the-long-memory-of-work.md", import.meta.url), "utf8");
const text = tidyText(readMarkdown(ESSAY).text);
const sentences = readSentences(text);

describe("sentences", () => {
  it("stand verbatim in the text, in order, and cover it", () => {
    let position = 0;
    for (const sentence of sentences) {
      const found = text.indexOf(sentence.text, position);
      expect(found).toBeGreaterThanOrEqual(position);
      expect(text.slice(position, found).trim()).toBe("");
      position = found + sentence.text.length;
    }
    expect(text.slice(position).trim()).toBe("");
  });

  it("do not run from a heading into the paragraph below it", () => {
    expect(sentences.map((sentence) => sentence.text)).toContain("A fire in the Exchequer");
    expect(sentences.find((sentence) => sentence.text === "A fire in the Exchequer")?.isProse).toBe(false);
  });

  it("tell English from what the model cannot read", () => {
    expect(looksEnglish(sentences)).toBe(true);
    const german = "Der Kaufmann schrieb jeden Abend alles auf, was an diesem Tag geschehen war, und schlief danach ruhig ein. ";
    expect(looksEnglish(readSentences(german.repeat(4)))).toBe(false);
  });
});

describe("keywords", () => {
  it("of the essay are its subjects, each written as in the text", () => {
    const keywords = findKeywords(sentences, 12);
    expect(keywords).toHaveLength(12);
    expect(keywords.map((keyword) => keyword.phrase)).toEqual(expect.arrayContaining(["work", "queue", "ledger", "message", "database"]));
    for (const { phrase } of keywords) expect(text.toLowerCase()).toContain(phrase);
    expect(keywords.map((keyword) => keyword.score)).toEqual(keywords.map((keyword) => keyword.score).toSorted((a, b) => b - a));
  });

  it("prefer a phrase to the words that occur only inside it", () => {
    const found = findKeywords(readSentences("The message queue is full. A message queue grows. Every message queue has a bound."), 3);
    expect(found[0]).toMatchObject({ phrase: "message queue", count: 3 });
    expect(found.map((keyword) => keyword.phrase)).not.toContain("queue");
  });
});

describe("entities", () => {
  const entities = findEntities(sentences, 100);
  const ofType = (type: string) => entities.filter((entity) => entity.type === type).map((entity) => entity.text);

  it("of the essay are the people, places, firms and dates in it", () => {
    const names = [
      "Jim Gray",
      "Luca Pacioli",
      "Francesco di Marco Datini",
      "Agner Krarup Erlang",
      "Denise Schmandt-Besserat",
      "C. R. Smith",
    ];
    expect(ofType("NAME")).toEqual(expect.arrayContaining([...names, "IBM", "Venice", "San Francisco", "Copenhagen", "House of Lords"]));
    expect(ofType("DATE")).toEqual(expect.arrayContaining(["1494", "16 October 1834", "28 January 2007", "1 August 2012"]));
    expect(ofType("MONEY")).toEqual(["$440 million"]);
    expect(ofType("DURATION")).toContain("45 minutes");
  });

  it("count a last name for its only bearer, and for nobody when two bear it", () => {
    expect(entities.find((entity) => entity.text === "Jim Gray")!.count).toBeGreaterThan(3);
    expect(ofType("NAME")).not.toContain("Gray");
    const twoSmiths = findEntities(readSentences("We met Ann Smith there. We met Bob Smith too. Later we wrote to Smith again."), 10);
    expect(twoSmiths.map((entity) => entity.text)).toEqual(["Ann Smith", "Bob Smith", "Smith"]);
  });

  it("leave out what is capitalised only because a sentence begins", () => {
    expect(findEntities(readSentences("Queues fail often. Ledgers help people."), 10)).toEqual([]);
  });
});

describe("sentiment", () => {
  it("of the essay adds up and quotes the text", () => {
    const mood = measureSentiment(sentences, 3);
    expect(mood.positive + mood.neutral + mood.negative).toBe(sentences.length);
    expect(mood.course).toHaveLength(10);
    for (const { text: quote, score } of [...mood.brightest, ...mood.darkest]) {
      expect(text).toContain(quote);
      expect(Math.abs(score)).toBeLessThanOrEqual(1);
    }
  });

  it.each([
    ["It was a wonderful, elegant idea. I love it.", "positive"],
    ["The bug was terrible. It was an awful disaster.", "negative"],
    ["The table has four rows.", "neutral"],
  ])("of %j is %s", (words, label) => {
    expect(measureSentiment(readSentences(words), 1).label).toBe(label);
  });

  it("of nothing is neutral", () => {
    expect(measureSentiment([], 3)).toMatchObject({ score: 0, label: "neutral", course: [], brightest: [] });
  });
});

describe("a summary", () => {
  it("is made of the text's own sentences, in its order, without repetition", () => {
    const summary = summarize(sentences, 6);
    expect(summary).toHaveLength(6);
    const positions = summary.map((sentence) => text.indexOf(sentence));
    expect(Math.min(...positions)).toBeGreaterThanOrEqual(0);
    expect(positions).toEqual([...new Set(positions)].toSorted((a, b) => a - b));
  });

  it("says a thing once, however often the text does", () => {
    const repeated = "The ledger remembers every payment of the merchant. ".repeat(5);
    expect(summarize(readSentences(`${repeated}Waiting lines became a science in distant Copenhagen.`), 2)).toEqual([
      "The ledger remembers every payment of the merchant.",
      "Waiting lines became a science in distant Copenhagen.",
    ]);
  });

  it("of a text without one whole sentence takes what there is", () => {
    expect(summarize(readSentences("Only a heading"), 3)).toEqual(["Only a heading"]);
    expect(summarize([], 3)).toEqual([]);
  });
});

it("a long text takes seconds, not minutes, and the same text gives the same result", () => {
  const long = readSentences(Array.from({ length: 20 }, () => text).join("\n\n"));
  expect(long.length).toBe(sentences.length * 20);
  expect(summarize(long, 5)).toEqual(summarize(long, 5));
});
