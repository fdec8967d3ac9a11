// Every kind of document becomes the same shape, and every document that cannot be read says why and what to do.
import { fileURLToPath } from "node:url";
import { FatalError } from "@bratsos/workflow-engine";
import { describe, expect, it } from "vitest";
import { detectKind } from "./document-kind.ts";
import { fetchDocument, readDocument } from "./read-document.ts";

const LIMITS = { maxBytes: 1_000_000, timeoutMs: 5_000 };

function fixture(name: string): string {
  return fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
}

async function read(source: string) {
  const raw = await fetchDocument(source, LIMITS);
  const kind = detectKind(raw);
  return { kind, ...(await readDocument(raw, kind)) };
}

/** Reads a document made of these bytes, as if it came from a file of this name. */
async function readBytes(content: string | Uint8Array, name: string, contentType?: string) {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  const raw = { bytes, name, location: `/tmp/${name}`, contentType };
  const kind = detectKind(raw);
  return { kind, ...(await readDocument(raw, kind)) };
}

describe("an HTML page", () => {
  it("gives its article without menus, banners, scripts and code", async () => {
    const page = await read(fixture("harbour-news.html"));
    expect(page.kind).toBe("html");
    expect(page.title).toBe("Harbour crane repaired after eleven days");
    expect(page.text.split("\n\n")).toEqual([
      "Harbour crane repaired after eleven days",
      "The great crane at Wharf 4 lifted its first container on 3 March 2025, to the delight of Ingrid Solberg, who runs the port of Ålesund.",
      "The failure had cost €2 million. “It was an awful week,” Solberg said, “and a wonderful morning.”",
      "What comes next",
      "A second crane will be ordered in June.",
      "The maintenance log moves from paper to a database.",
      "Crane Lifts",
      "Wharf 4 212",
    ]);
  });

  it("is read whole when nothing marks its article, and recognised without an extension", async () => {
    const page = await readBytes("<!DOCTYPE html><title>Tea</title><body><div><p>One cup.</p><p>Two cups.</p></div>", "tea");
    expect(page).toMatchObject({ kind: "html", title: "Tea", text: "One cup.\n\nTwo cups." });
  });

  it("does not lose the page to a teaser that happens to be an article", async () => {
    const body = `<article>Teaser.</article><div><p>${"The real text stands here. ".repeat(30)}</p></div>`;
    expect((await readBytes(`<html><body>${body}</body></html>`, "a.html")).text).toContain("The real text");
  });

  it("with thousands of nested elements is refused, not fatal to the process", async () => {
    const html = `<html><body>${"<div>".repeat(20_000)}x${"</div>".repeat(20_000)}</body></html>`;
    const failure = await readBytes(html, "deep.html").catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FatalError);
    expect((failure as Error).message).toMatch(/too deeply/);
  });

  it("is decoded by the charset it declares", async () => {
    const latin = Uint8Array.from('<html><meta charset="iso-8859-1"><body>Caf\xe9 M\xfcller</body></html>', (c) => c.charCodeAt(0));
    expect((await readBytes(latin, "old.html")).text).toBe("Café Müller");
  });
});

describe("Markdown", () => {
  it("loses its markup and code, keeps its links' words, and takes the title from front matter or heading", async () => {
    const source = "# The *Log*\n\nRead [the paper](https://x.test) by **Gray**.\n\n- one\n- two\n\n```js\ncode()\n```\n";
    const plain = await readBytes(source, "log.md");
    expect(plain).toMatchObject({ kind: "markdown", title: "The Log", text: "The Log\n\nRead the paper by Gray.\n\none\n\ntwo" });
    expect((await readBytes(`---\ntitle: "Other: a name"\n---\n${source}`, "log.md")).title).toBe("Other: a name");
  });
});

describe("plain text", () => {
  it("has its hard-wrapped lines joined and its title from the file's name", async () => {
    const text = await readBytes(
      "A first line\r\nthat goes on.\r\n\r\n\r\n====\r\n* item one\r\n* item two\r\n  continued\r\n",
      "my_notes-1.txt",
    );
    expect(text).toMatchObject({ kind: "text", title: "my notes 1", text: "A first line that goes on.\n\nitem one\n\nitem two continued" });
  });

  it("may be UTF-16 with a byte order mark, or Windows-1252", async () => {
    const utf16 = new Uint8Array([0xff, 0xfe, ...new Uint8Array(Uint16Array.from("Grüße", (c) => c.charCodeAt(0)).buffer)]);
    expect((await readBytes(utf16, "a.txt")).text).toBe("Grüße");
    expect((await readBytes(Uint8Array.of(0x93, 0x47, 0x72, 0xfc, 0x94), "a.txt")).text).toBe("“Grü”");
  });
});

describe("a PDF", () => {
  it("gives paragraphs again, mends broken words and drops page numbers", async () => {
    const pdf = await read(fixture("lighthouse.pdf"));
    expect(pdf).toMatchObject({ kind: "pdf", title: "The Lighthouse Log", pages: 2 });
    expect(pdf.text.split("\n\n")).toEqual([
      "The Lighthouse Log",
      "In 1821 the keeper of the lighthouse at Tarbat Ness began to write every lamp, every ship and every storm into one book. Maintenance was recorded the same evening, never later.",
      "Margaret Finlay inherited the book in 1839. She called it the most wonderful thing in the tower.",
      "What the Log Was For",
      "A terrible gale broke the lantern in 1846. The log told the next keeper which panes had already been replaced, and she lost no time.",
    ]);
  });

  it.each([
    ["locked.pdf", /is encrypted: it opens with a password only\. Save a copy without a password/],
    ["scanned.pdf", /holds no text on its 1 page\(s\): it is probably scanned\. Run a text recognition/],
  ])("that is %s fails for good and says what to do", async (name, message) => {
    const failure = await read(fixture(name)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FatalError);
    expect((failure as Error).message).toMatch(message);
  });
});

describe("a document that cannot be read fails for good and says what to do", () => {
  const zip = Uint8Array.of(0x50, 0x4b, 0x03, 0x04, 0, 0, 0, 0);
  it.each([
    ["an empty file", "", "a.txt", /is empty \(0 bytes\)\. Check that it was saved/],
    ["blank text", " \n\t\n", "a.txt", /holds no text to work on/],
    [
      "a page filled in by scripts",
      "<html><body><div id=app></div><script>x()</script></body></html>",
      "a.html",
      /holds no text to work on/,
    ],
    ["a Word file", zip, "a.docx", /is a ZIP archive or an Office.*Supported are plain text, Markdown, HTML and PDF/],
    ["an unknown binary", Uint8Array.of(1, 2, 0, 3), "a.bin", /a binary format that is not known here/],
    ["a binary that calls itself PDF", Uint8Array.of(1, 2, 0, 3), "a.pdf", /it is not a valid PDF/],
    ["a damaged PDF", "%PDF-1.7 and then nothing", "a.pdf", /is not a readable PDF: .* Download or export it again/],
  ])("%s", async (_, content, name, message) => {
    const failure = await readBytes(content, name).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FatalError);
    expect((failure as Error).message).toMatch(message);
  });

  it.each([
    ["a missing file", "no/such/file.md", /There is no file at .*no\/such\/file\.md\. Check the path/],
    ["a directory", fileURLToPath(new URL(".", import.meta.url)), /is a directory\. Name one document inside it/],
    ["another protocol", "ftp://example.test/a.txt", /"ftp:" is not supported\. Give a path, or a URL/],
    ["a malformed URL", "http://", /is not a valid URL/],
    ["a URL with a password", "https://me:secret@example.test/", /^(?!.*secret).*user name or password/],
    ["nothing", "  ", /No document was named/],
  ])("%s", async (_, source, message) => {
    const failure = await read(source).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(FatalError);
    expect((failure as Error).message).toMatch(message);
  });

  it("a file above the limit", async () => {
    await expect(fetchDocument(fixture("lighthouse.pdf"), { ...LIMITS, maxBytes: 100 })).rejects.toThrow(/is too large: .* raise maxBytes/);
  });
});
