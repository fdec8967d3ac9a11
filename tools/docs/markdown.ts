// A Markdown page as the docs check sees it: its TypeScript blocks, each with the module it makes, and its relative links.

/** A TypeScript block of a page. */
export interface Block {
  page: string;
  /** Line of the page the block's first line stands on, from 1. */
  line: number;
  /** The block's own text. */
  text: string;
  /** Text of the blocks it continues, prepended to it when it is compiled and run. */
  before: string;
  /** False for `ts fails`: the block must not compile. */
  compiles: boolean;
  /** False for `ts no-run` and `ts fails`. */
  runs: boolean;
}

/** A relative link of a page. */
export interface Link {
  page: string;
  line: number;
  /** The target without its `#fragment`. */
  target: string;
}

/** What a page holds that can be checked. */
export interface Page {
  blocks: Block[];
  links: Link[];
  /** Complaints about the page itself, as `file:line: message`. */
  problems: string[];
}

const FENCE = /^( *)(`{3,}|~{3,})\s*(\S*)\s*(.*)$/;
const LINK = /!?\[(?:[^\]\\]|\\.)*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\s*\[[^\]]+\]:\s*(\S+)/g;
const WORDS = new Set(["continues", "run", "no-run", "fails"]);

/** Reads a page. `ts continues` prepends the block before it, with everything that one continues itself. */
export function readPage(page: string, text: string): Page {
  const found: Page = { blocks: [], links: [], problems: [] };
  const lines = text.split("\n");
  let last: Block | null = null;
  for (let index = 0; index < lines.length; index++) {
    const fence = FENCE.exec(lines[index] as string);
    if (fence === null) {
      found.links.push(...linksOf(lines[index] as string, page, index + 1));
      continue;
    }
    const [, indent = "", mark = "", language = "", info = ""] = fence;
    const end = endOfFence(lines, index, mark);
    if (end === lines.length) found.problems.push(`${page}:${index + 1}: the code block is never closed`);
    if (/^(ts|typescript)$/.test(language)) {
      const body = lines.slice(index + 1, end).map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line));
      const block = makeBlock({ page, line: index + 2, text: body.join("\n") }, info, last, found.problems);
      found.blocks.push(block);
      if (block.compiles) last = block;
    }
    index = end;
  }
  return found;
}

function endOfFence(lines: readonly string[], start: number, mark: string): number {
  const end = lines.findIndex((line, index) => {
    const text = line.trim();
    return index > start && text.length >= mark.length && text === (mark[0] as string).repeat(text.length);
  });
  return end === -1 ? lines.length : end;
}

function makeBlock(at: Pick<Block, "page" | "line" | "text">, info: string, last: Block | null, problems: string[]): Block {
  const words = info.split(/\s+/).filter((word) => word !== "" && !/[={}[\]"]/.test(word));
  const where = `${at.page}:${at.line - 1}`;
  for (const word of words) {
    if (!WORDS.has(word)) problems.push(`${where}: unknown word ${word} after ts; there are ${[...WORDS].join(", ")}`);
  }
  const has = (word: string): boolean => words.includes(word);
  if (has("continues") && last === null) problems.push(`${where}: continues, but no block of this page comes before it`);
  const before = has("continues") && last !== null ? `${last.before}${last.text}\n` : "";
  return { ...at, before, compiles: !has("fails"), runs: !has("fails") && !has("no-run") };
}

function linksOf(line: string, page: string, number: number): Link[] {
  const prose = line.replace(/(`+)[^`].*?\1/g, "");
  return [...prose.matchAll(LINK)].flatMap(([, inline, reference]) => {
    const address = inline ?? reference ?? "";
    const target = decodeURI(address.replace(/[#?].*$/, ""));
    const isElsewhere = /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(address) || target === "";
    return isElsewhere ? [] : [{ page, line: number, target }];
  });
}
