// What a source gives before anybody knows what it is: bytes, a name, and what the sender says about them.

/** An unread document, from a file or from the network. */
export interface RawDocument {
  readonly bytes: Uint8Array;
  /** File name or last part of the URL's path; its extension is a hint, its stem a title of last resort. */
  readonly name: string;
  /** The path or the final URL after redirects, for messages and for the report. */
  readonly location: string;
  /** The `content-type` header of an HTTP response; absent for files. */
  readonly contentType?: string | undefined;
}

/** Refuses documents above the limit, in bytes; says how large the limit is and what to do. */
export function tooLargeMessage(location: string, bytes: number | undefined, maxBytes: number): string {
  const size = bytes === undefined ? "more" : megabytes(bytes);
  return `${location} is too large: ${size} than this stage reads (${megabytes(maxBytes)}). Split the document, or raise maxBytes in the stage's config.`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
