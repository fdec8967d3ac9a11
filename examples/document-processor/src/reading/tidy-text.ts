// One shape for all sources: paragraphs, headings and list items are blocks, a blank line stands between two of them, and
// inside a block there are single spaces only. Hard-wrapped lines become one, so that no sentence ends at a margin.

const LIST_ITEM = /^(?:[-*•+‣▪]|\d{1,3}[.)])\s+/;
const INVISIBLE = /[^\P{Cc}\t\n\f]|[\u00ad\u200b\ufeff]/gu; // control characters, soft hyphens, zero-width spaces
const RULE = /^[-=_*~#\s]{3,}$/;

/** Brings text into blocks separated by one blank line; list markers and rules made of characters are dropped. */
export function tidyText(text: string): string {
  const blocks: string[] = [];
  let lines: string[] = [];
  const close = () => {
    if (lines.length > 0) blocks.push(joinLines(lines));
    lines = [];
  };
  const clean = text.normalize("NFC").replace(/\r\n?/g, "\n").replace(INVISIBLE, "");
  for (const raw of clean.split(/[\n\f]/)) {
    const line = raw.replace(/\s+/g, " ").trim();
    if (line === "" || RULE.test(line)) {
      close();
    } else {
      if (LIST_ITEM.test(line)) close();
      lines.push(lines.length === 0 ? line.replace(LIST_ITEM, "") : line);
    }
  }
  close();
  return blocks.filter((block) => block !== "").join("\n\n");
}

/** Joins hard-wrapped lines; a compound broken behind its hyphen ("well-" "known") gets no space. */
function joinLines(lines: readonly string[]): string {
  return lines.reduce((text, line) => (/\p{L}-$/u.test(text) ? text + line : `${text} ${line}`));
}

/** Counts words: runs of letters, digits, apostrophes and hyphens. */
export function countWords(text: string): number {
  return text.match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu)?.length ?? 0;
}

/** Cuts at a block, else at a space, so that no more than `maxCharacters` stay. */
export function cutText(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const head = text.slice(0, maxCharacters);
  const block = head.lastIndexOf("\n\n");
  const space = head.lastIndexOf(" ");
  if (block > maxCharacters / 2) return head.slice(0, block);
  return head.slice(0, space > 0 ? space : maxCharacters);
}
