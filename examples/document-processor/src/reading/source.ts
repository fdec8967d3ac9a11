// Tells a URL from a path. Only http and https are fetched; everything else with a scheme is refused by name rather than
// looked for on the disk, where it would end in a misleading "no such file".
import { FatalError } from "@bratsos/workflow-engine";

/** Where a document comes from. */
export type Source = { readonly type: "file"; readonly path: string } | { readonly type: "url"; readonly url: URL };

const SCHEME = /^([a-z][a-z0-9+.-]+):/i; // two letters at least: "C:\report.txt" is a Windows path, not a scheme

/** Parses a path or URL; throws FatalError for an empty one, a malformed URL and any scheme but http and https. */
export function parseSource(source: string): Source {
  const text = source.trim();
  if (text === "") throw new FatalError("No document was named. Give a path or an http(s) URL as `source`.");
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { type: "file", path: text };
  if (scheme !== "http" && scheme !== "https") {
    throw new FatalError(`Cannot read ${text}: "${scheme}:" is not supported. Give a path, or a URL that starts with http:// or https://.`);
  }
  if (!URL.canParse(text)) throw new FatalError(`Cannot read ${text}: it is not a valid URL. Check its spelling.`);
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw new FatalError(
      "Cannot read a URL that contains a user name or password: it would be stored with the run. Remove them from the URL.",
    );
  }
  return { type: "url", url };
}
