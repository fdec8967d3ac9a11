// Reads a document from the disk. Whatever is wrong with a path stays wrong on a second try, so every failure is fatal.
import { readFile, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { FatalError } from "@bratsos/workflow-engine";
import { type RawDocument, tooLargeMessage } from "./raw-document.ts";

/** Limits of one read. */
export interface ReadOptions {
  /** Largest document in bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the file at `path`; throws FatalError when it is missing, no regular file, unreadable or above `maxBytes`. */
export async function readFileDocument(path: string, options: ReadOptions): Promise<RawDocument> {
  const location = resolve(path);
  try {
    const stats = await stat(location);
    if (stats.isDirectory()) throw new FatalError(`${location} is a directory. Name one document inside it.`);
    if (!stats.isFile()) throw new FatalError(`${location} is not a regular file. Give the path of a document.`);
    if (stats.size > options.maxBytes) throw new FatalError(tooLargeMessage(location, stats.size, options.maxBytes));
    const bytes = new Uint8Array(await readFile(location, { signal: options.signal }));
    return { bytes, name: basename(location), location };
  } catch (error) {
    options.signal?.throwIfAborted();
    throw explain(error, location);
  }
}

function explain(error: unknown, location: string): unknown {
  switch (error instanceof Error && "code" in error ? error.code : undefined) {
    case "ENOENT":
    case "ENOTDIR":
      return new FatalError(`There is no file at ${location}. Check the path; a relative one is taken from the working directory.`, {
        cause: error,
      });
    case "EACCES":
    case "EPERM":
      return new FatalError(`The file ${location} may not be read by this user. Change its permissions or copy it.`, { cause: error });
    case "ENAMETOOLONG":
      return new FatalError("The path is longer than the file system allows. `source` wants a path or URL, not the document's text.", {
        cause: error,
      });
    default:
      return error;
  }
}
