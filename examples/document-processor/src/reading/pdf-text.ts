// PDF to readable text. A PDF knows glyphs at positions, not paragraphs; so lines become paragraphs again where the gap to
// the next line is wider than usual or the type size changes, and words broken at a margin are mended.
import { FatalError } from "@bratsos/workflow-engine";
import { extractTextItems, getDocumentProxy, getMeta, type StructuredTextItem } from "unpdf";
import type { TitledText } from "./html-text.ts";
import type { RawDocument } from "./raw-document.ts";

/** A PDF's text and the number of its pages. */
export interface PdfText extends TitledText {
  readonly pages: number;
}

interface Line {
  text: string;
  y: number;
  size: number;
}

const LEADER_DOTS = /(?:\. ?){6,}/; // a line of a table of contents

/** Reads a PDF; throws FatalError when it needs a password, is damaged, or holds pictures of text only. */
export async function readPdf(document: RawDocument): Promise<PdfText> {
  const pdf = await open(document);
  try {
    const { items, totalPages } = await extractTextItems(pdf);
    const pages = items.map(linesOf);
    const text = pages.map(paragraphs).join("\n\n");
    if (text.trim() === "") {
      throw new FatalError(
        `${document.location} holds no text on its ${totalPages} page(s): it is probably scanned. Run a text recognition (OCR) over it first.`,
      );
    }
    return { title: (await titleOf(pdf)) ?? headlineOf(pages[0] ?? []), text, pages: totalPages };
  } finally {
    await pdf.loadingTask.destroy();
  }
}

async function open(document: RawDocument) {
  try {
    // A copy: the PDF reader takes the buffer over and leaves it empty.
    return await getDocumentProxy(document.bytes.slice(), { verbosity: 0 });
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "PasswordException") {
      throw new FatalError(
        `${document.location} is encrypted: it opens with a password only. Save a copy without a password and pass that.`,
        {
          cause: error,
        },
      );
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new FatalError(`${document.location} is not a readable PDF: ${reason} Download or export it again.`, { cause: error });
  }
}

async function titleOf(pdf: Awaited<ReturnType<typeof open>>): Promise<string | undefined> {
  const { info: properties } = await getMeta(pdf);
  const title: unknown = properties["Title"];
  return typeof title === "string" && title.trim() !== "" ? title.trim() : undefined;
}

/** The largest line of the first page, when it is clearly larger than the rest. */
function headlineOf(lines: readonly Line[]): string | undefined {
  const largest = lines.reduce<Line | undefined>((best, line) => (best && best.size >= line.size ? best : line), undefined);
  return largest && largest.size > 1.2 * median(lines.map((line) => line.size)) ? largest.text.trim() : undefined;
}

function linesOf(items: readonly StructuredTextItem[]): Line[] {
  const lines: Line[] = [];
  let line: Line | undefined;
  for (const item of items) {
    const moved = line !== undefined && item.str.trim() !== "" && Math.abs(item.y - line.y) > line.size / 2;
    if (line === undefined || moved) lines.push((line = { text: "", y: item.y, size: item.fontSize }));
    if (item.str.trim() !== "") line.size = Math.max(line.size, item.fontSize);
    line.text += item.str;
    if (item.hasEOL) line = undefined;
  }
  return lines.filter(({ text }) => text.trim() !== "" && !isPageNumber(text) && !LEADER_DOTS.test(text));
}

function isPageNumber(text: string): boolean {
  return /^\s*(?:page\s+)?[-–]?\s*\d{1,4}\s*[-–]?\s*(?:(?:\/|of)\s*\d{1,4})?\s*$/i.test(text);
}

function paragraphs(lines: readonly Line[]): string {
  const usualGap = median(
    lines
      .slice(1)
      .map((line, index) => lines[index]!.y - line.y)
      .filter((gap) => gap > 0),
  );
  let text = "";
  lines.forEach((line, index) => {
    const above = lines[index - 1];
    if (above === undefined) {
      text = line.text;
    } else if (startsParagraph(above, line, usualGap)) {
      text += `\n\n${line.text}`;
    } else {
      const broken = /\p{Ll}-\s*$/u.test(text) && /^\p{Ll}/u.test(line.text);
      text = broken ? text.replace(/-\s*$/, "") + line.text : `${text}\n${line.text}`;
    }
  });
  return text;
}

function startsParagraph(above: Line, line: Line, usualGap: number): boolean {
  const gap = above.y - line.y;
  return gap < 0 || gap > usualGap * 1.35 || Math.abs(above.size - line.size) > 1;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
