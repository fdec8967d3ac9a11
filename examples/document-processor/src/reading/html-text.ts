// HTML to readable text: the article without menus, banners and scripts. html-to-text walks the page; what this file adds
// is which elements hold the article and which never do.
import { FatalError } from "@bratsos/workflow-engine";
import { compile, type HtmlToTextOptions } from "html-to-text";

/** A page's title, if it has one, and its readable text, not yet tidied. */
export interface TitledText {
  readonly title: string | undefined;
  readonly text: string;
}

const ARTICLE = ["article", "main", '[role="main"]'];
const SHORTEST_ARTICLE = 250; // characters; below it a page's <article> is a teaser and the body is read instead

const SKIPPED = [
  ...["title", "script", "style", "template", "noscript", "svg", "canvas", "iframe", "object", "img", "video", "audio", "picture"],
  ...["nav", "aside", "form", "button", "select", "dialog", "menu", "footer", "pre > code"],
  ...['[role="navigation"]', '[role="banner"]', '[role="search"]', '[role="contentinfo"]', '[role="complementary"]', '[role="dialog"]'],
  ...["[hidden]", '[aria-hidden="true"]', 'sup[class*="reference"]', '[class~="mw-editsection"]', '[class~="noprint"]'],
  ...['[class*="cookie"]', '[id*="cookie"]', '[class*="breadcrumb"]', '[class~="sidebar"]', '[id="sidebar"]', '[class*="share-"]'],
];

const OPTIONS: HtmlToTextOptions = {
  wordwrap: false,
  limits: { maxInputLength: Number.MAX_SAFE_INTEGER, maxDepth: 400, ellipsis: "" },
  selectors: [
    { selector: "a", options: { ignoreHref: true } },
    ...["h1", "h2", "h3", "h4", "h5", "h6"].map((selector) => ({ selector, options: { uppercase: false } })),
    { selector: "ul", options: { itemPrefix: "- ", leadingLineBreaks: 2 } },
    { selector: "ol", options: { leadingLineBreaks: 2 } },
    { selector: "blockquote", format: "block", options: { leadingLineBreaks: 2, trailingLineBreaks: 2 } },
    ...["tr", "caption", "figcaption", "dt", "dd"].map((selector) => ({
      selector,
      format: "block",
      options: { leadingLineBreaks: 2, trailingLineBreaks: 2 },
    })),
    ...["td", "th"].map((selector) => ({ selector, format: "inlineSurround", options: { suffix: " " } })),
    ...SKIPPED.map((selector) => ({ selector, format: "skip" })),
  ],
};

const readArticle = compile({ ...OPTIONS, baseElements: { selectors: ARTICLE, orderBy: "occurrence", returnDomByDefault: false } });
const readBody = compile({ ...OPTIONS, baseElements: { selectors: ["body"], returnDomByDefault: true } });
const readHeading = compile({ ...OPTIONS, baseElements: { selectors: ["h1"], returnDomByDefault: false } });
const readTitle = compile({ wordwrap: false, baseElements: { selectors: ["title"], returnDomByDefault: false } });

/** Reads the article of a page, or all of its body when no element marks the article; throws FatalError for absurd nesting. */
export function readHtml(html: string): TitledText {
  try {
    const article = readArticle(html);
    const text = article.length >= SHORTEST_ARTICLE ? article : longer(article, readBody(html));
    return { title: titleOf(html), text };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FatalError("The page nests its elements too deeply to be read. Save it as plain text or PDF and pass that.", {
      cause: error,
    });
  }
}

/** A page's only heading of the first rank names the article alone; `<title>` often adds the site's name. */
function titleOf(html: string): string | undefined {
  const headings = readHeading(html)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const title = headings.length === 1 ? headings[0]! : readTitle(html);
  return title.replace(/\s+/g, " ").trim() || undefined;
}

function longer(a: string, b: string): string {
  return b.length > a.length ? b : a;
}
