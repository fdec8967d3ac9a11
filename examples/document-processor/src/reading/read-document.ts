// The way from a source to text: fetch the bytes, tell what they are, read them, tidy the result. The steps are separate so
// that a stage can report progress between them.
import { FatalError } from "@bratsos/workflow-engine";
import { decodeText } from "./decode-text.ts";
import type { DocumentKind } from "./document-kind.ts";
import { readHtml, type TitledText } from "./html-text.ts";
import { readMarkdown } from "./markdown-text.ts";
import { readPdf } from "./pdf-text.ts";
import type { RawDocument } from "./raw-document.ts";
import { readFileDocument } from "./read-file.ts";
import { type FetchOptions, readUrlDocument } from "./read-url.ts";
import { parseSource } from "./source.ts";
import { tidyText } from "./tidy-text.ts";

/** A document as text: blocks separated by blank lines. */
export interface ReadableDocument {
  readonly title: string;
  readonly text: string;
  /** Pages of a PDF; absent otherwise. */
  readonly pages?: number | undefined;
}

/** Brings the bytes of a path or http(s) URL; see `readFileDocument` and `readUrlDocument` for what it throws. */
export function fetchDocument(source: string, options: FetchOptions): Promise<RawDocument> {
  const parsed = parseSource(source);
  return parsed.type === "url" ? readUrlDocument(parsed.url, options) : readFileDocument(parsed.path, options);
}

/** Reads a document of a known kind; throws FatalError when there is no text in it. */
export async function readDocument(document: RawDocument, kind: DocumentKind): Promise<ReadableDocument> {
  const read: TitledText & { pages?: number } = kind === "pdf" ? await readPdf(document) : readMarkup(decodeText(document), kind);
  const text = tidyText(read.text);
  if (!/[\p{L}\p{N}]/u.test(text)) {
    throw new FatalError(`${document.location} holds no text to work on: it is blank, or a page filled in by scripts. Check the document.`);
  }
  return { title: read.title ?? stemOf(document.name), text, pages: read.pages };
}

function readMarkup(content: string, kind: Exclude<DocumentKind, "pdf">): TitledText {
  if (kind === "html") return readHtml(content);
  if (kind === "markdown") return readMarkdown(content);
  return { title: undefined, text: content };
}

function stemOf(name: string): string {
  return (
    name
      .replace(/\.[a-z0-9]{1,9}$/i, "")
      .replace(/[-_]+/g, " ")
      .trim() || name
  );
}
