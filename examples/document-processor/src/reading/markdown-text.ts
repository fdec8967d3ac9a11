// Markdown to readable text by way of HTML, so that links, emphasis, tables and code need no rules of our own.
import { marked } from "marked";
import { readHtml, type TitledText } from "./html-text.ts";

const FRONT_MATTER = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;
const TITLE = /^title:\s*(["']?)(.+?)\1\s*$/m;

/** Reads Markdown; front matter is taken off and gives the title when it has one, else the first heading does. */
export function readMarkdown(markdown: string): TitledText {
  const frontMatter = FRONT_MATTER.exec(markdown);
  const body = frontMatter ? markdown.slice(frontMatter[0].length) : markdown;
  const html = marked.parse(body, { async: false, gfm: true });
  const named = frontMatter && TITLE.exec(frontMatter[1]!)?.[2];
  const heading = /<h[12][^>]*>([\s\S]*?)<\/h[12]>/.exec(html)?.[0];
  const title = named ?? (heading && readHtml(heading).text.trim());
  return { title: title || undefined, text: readHtml(`<body><div>${html}</div></body>`).text };
}
