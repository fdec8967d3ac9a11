// What a document is. Its bytes have the first word (a signature does not lie), then the server's content type, then the
// extension, then a look for markup; what is left is plain text if it looks like text at all.
import { FatalError } from "@bratsos/workflow-engine";
import type { RawDocument } from "./raw-document.ts";

/** The kinds of document that can be read. */
export type DocumentKind = "text" | "markdown" | "html" | "pdf";

const SIGNATURES: readonly (readonly [name: string, bytes: readonly number[]])[] = [
  ["a ZIP archive or an Office, OpenDocument or EPUB file", [0x50, 0x4b, 0x03, 0x04]],
  ["an empty ZIP archive", [0x50, 0x4b, 0x05, 0x06]],
  ["an old Office file", [0xd0, 0xcf, 0x11, 0xe0]],
  ["a PNG image", [0x89, 0x50, 0x4e, 0x47]],
  ["a JPEG image", [0xff, 0xd8, 0xff]],
  ["a GIF image", [0x47, 0x49, 0x46, 0x38]],
  ["a gzip archive", [0x1f, 0x8b]],
  ["a program", [0x7f, 0x45, 0x4c, 0x46]],
  ["an RTF document", [0x7b, 0x5c, 0x72, 0x74, 0x66]],
];

const BY_CONTENT_TYPE: Readonly<Record<string, DocumentKind>> = {
  "application/pdf": "pdf",
  "application/xhtml+xml": "html",
  "text/html": "html",
  "text/markdown": "markdown",
  "text/x-markdown": "markdown",
};

const BY_EXTENSION: Readonly<Record<string, DocumentKind>> = {
  htm: "html",
  html: "html",
  xhtml: "html",
  markdown: "markdown",
  md: "markdown",
  mdown: "markdown",
  txt: "text",
  text: "text",
};

const MARKUP = /^\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--[\s\S]*?-->\s*)*<(?:!doctype\s+html|html|head|body)[\s>]/i;
const PDF_HEADER_WITHIN = 1024; // ISO 32000 annex: readers accept the header within the first 1024 bytes
const SNIFFED_BYTES = 8192;

/** Says what `document` is; throws FatalError for an empty one and for binary formats that cannot be read. */
export function detectKind(document: RawDocument): DocumentKind {
  const { bytes, location } = document;
  if (bytes.length === 0) throw new FatalError(`${location} is empty (0 bytes). Check that it was saved or uploaded completely.`);
  const head = new TextDecoder("latin1").decode(bytes.subarray(0, SNIFFED_BYTES));
  if (head.slice(0, PDF_HEADER_WITHIN).includes("%PDF-")) return "pdf";
  const format = SIGNATURES.find(([, signature]) => signature.every((byte, index) => bytes[index] === byte))?.[0];
  if (format !== undefined) throw unsupported(location, format);
  if (looksBinary(bytes))
    throw unsupported(location, declaredAsPdf(document) ? "not a valid PDF" : "a binary format that is not known here");
  const declared = BY_CONTENT_TYPE[mediaType(document)];
  const named = BY_EXTENSION[extensionOf(document.name)];
  if (declared !== undefined && declared !== "pdf") return declared;
  if (named !== undefined) return named;
  return MARKUP.test(head) ? "html" : "text";
}

function unsupported(location: string, format: string): FatalError {
  return new FatalError(
    `${location} cannot be read: it is ${format}. Supported are plain text, Markdown, HTML and PDF; export it as one of these.`,
  );
}

function declaredAsPdf(document: RawDocument): boolean {
  return mediaType(document) === "application/pdf" || extensionOf(document.name) === "pdf";
}

function mediaType(document: RawDocument): string {
  return (document.contentType ?? "").split(";", 1)[0]!.trim().toLowerCase();
}

function extensionOf(name: string): string {
  return /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase() ?? "";
}

/** Text has no NUL bytes (UTF-16 has, and says so by a byte order mark) and hardly any control characters. */
function looksBinary(bytes: Uint8Array): boolean {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return false;
  const head = bytes.subarray(0, SNIFFED_BYTES);
  let controls = 0;
  for (const byte of head) {
    if (byte === 0) return true;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b) controls += 1;
  }
  return controls / head.length > 0.05;
}
