// Blobs as files of one folder (P7): for one machine, or several that share a file system. A file appears whole or not at all, so a
// reader never meets half a blob. Node's file system is loaded on first use.
import { WorkflowEngineError } from "../errors.ts";
import type { BlobStore } from "../ports/blob-store.ts";

/** How to open a file blob store. */
export interface FileBlobStoreOptions {
  /** Made when missing. Nothing else should be kept in it. */
  folder: string;
}

const ENDING = ".json";
const LONGEST_NAME = 200;

/** Keeps each blob in a file of its own, named after its key. */
export function createFileBlobStore({ folder }: FileBlobStoreOptions): BlobStore {
  return new FileBlobStore(folder);
}

class FileBlobStore implements BlobStore {
  readonly #folder: string;
  #written = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(key: string, value: unknown): Promise<void> {
    const fs = await files();
    const path = this.#pathOf(key);
    await fs.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    // unique among the writers of this process and, by its id, among processes
    const temporary = `${path}.${process.pid}.${(this.#written += 1)}.tmp`;
    try {
      await fs.writeFile(temporary, JSON.stringify(value) ?? "null", { flush: true });
      await fs.rename(temporary, path);
    } catch (error) {
      await fs.rm(temporary, { force: true });
      throw error;
    }
  }

  async get(key: string): Promise<unknown> {
    const fs = await files();
    const text = await fs.readFile(this.#pathOf(key), "utf8").catch((error: unknown) => {
      if (isMissing(error)) throw new WorkflowEngineError("BLOB_NOT_FOUND", `Blob not found: ${key}`, { cause: error });
      throw error;
    });
    return JSON.parse(text);
  }

  async has(key: string): Promise<boolean> {
    const fs = await files();
    try {
      await fs.access(this.#pathOf(key));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    const fs = await files();
    await fs.rm(this.#pathOf(key), { force: true });
  }

  async list(prefix: string): Promise<string[]> {
    const fs = await files();
    const names = await fs.readdir(this.#folder, { recursive: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    const keys = names.filter((name) => name.endsWith(ENDING)).map(keyOf);
    return keys.filter((key) => key.startsWith(prefix)).sort();
  }

  #pathOf(key: string): string {
    return `${this.#folder}/${nameOf(key)}`;
  }
}

/** A key as a file name that no file system minds; a long one continues in folders, for names have a limit. */
function nameOf(key: string): string {
  const encoded = encodeURIComponent(key.toWellFormed()).replace(/[!'()*.~A-Z]/g, encodeCharacter);
  const parts = encoded.match(new RegExp(`.{1,${LONGEST_NAME}}`, "g")) ?? ["~"];
  return `${parts.join("/")}${ENDING}`;
}

/** Also what only some file systems mind: dots, and capitals where case makes no difference. The hex digits of `%` stay as they are. */
function encodeCharacter(character: string, at: number, text: string): string {
  const isHex = /[A-F]/.test(character) && (text[at - 1] === "%" || text[at - 2] === "%");
  return isHex ? character.toLowerCase() : `%${character.charCodeAt(0).toString(16)}`;
}

function keyOf(name: string): string {
  const encoded = name.slice(0, -ENDING.length).replaceAll("\\", "/").replaceAll("/", "");
  return encoded === "~" ? "" : decodeURIComponent(encoded);
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function files(): Promise<typeof import("node:fs/promises")> {
  return import("node:fs/promises");
}
