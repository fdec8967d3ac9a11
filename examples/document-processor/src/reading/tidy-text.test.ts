import { expect, it } from "vitest";
import { countWords, cutText, tidyText } from "./tidy-text.ts";

it("separates blocks by one blank line and drops list markers, rules and invisible characters", () => {
  expect(tidyText("a\u00adb\u200b  c\n\n\n---\n1. one\n2) two\nwell-\nknown\f\u0007x")).toBe("ab c\n\none\n\ntwo well-known x");
});

it("changes nothing the second time", () => {
  const once = tidyText("* One.\nTwo.\n\n  Three \t four\n");
  expect(tidyText(once)).toBe(once);
});

it("counts words with apostrophes and hyphens as one", () => {
  expect(countWords("Gray’s well-known paper, 1981 – and so on…")).toBe(7);
});

it("cuts at a block or a word, never above the limit", () => {
  expect(cutText("One two.\n\nThree four.", 100)).toBe("One two.\n\nThree four.");
  expect(cutText("One two.\n\nThree four.", 14)).toBe("One two.");
  expect(cutText("One two three", 9)).toBe("One two");
  expect(cutText("Onetwothree", 4)).toBe("Onet");
});
