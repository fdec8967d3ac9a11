// Bytes to characters. The order of trust is the WHATWG's: byte order mark, then the HTTP header, then what the HTML says
// of itself, then UTF-8, and Windows-1252 for bytes that are not valid UTF-8 (old files rarely are anything else).
// Source: https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding
import type { RawDocument } from "./raw-document.ts";

const META_CHARSET = /<meta[^>]+charset\s*=\s*["']?\s*([\w:.-]+)/i;
const META_WITHIN = 1024;

/** Decodes a text, Markdown or HTML document; never throws, a wrong byte becomes U+FFFD. */
export function decodeText(document: RawDocument): string {
  const { bytes } = document;
  const declared = markOf(bytes) ?? charsetOf(document.contentType) ?? metaCharset(bytes);
  return (declared && decode(bytes, declared, false)) ?? decode(bytes, "utf-8", true) ?? new TextDecoder("windows-1252").decode(bytes);
}

function markOf(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return undefined;
}

function charsetOf(contentType: string | undefined): string | undefined {
  return /charset\s*=\s*"?([\w:.-]+)/i.exec(contentType ?? "")?.[1];
}

function metaCharset(bytes: Uint8Array): string | undefined {
  return META_CHARSET.exec(new TextDecoder("latin1").decode(bytes.subarray(0, META_WITHIN)))?.[1];
}

function decode(bytes: Uint8Array, charset: string, fatal: boolean): string | undefined {
  try {
    return new TextDecoder(charset, { fatal }).decode(bytes);
  } catch {
    return undefined; // an unknown label, or bytes that are not what they claim to be: the next in line decides
  }
}
