// Blobs in memory, as JSON text: a copy in, a copy out, and what no real store could keep is refused here too (P7).
import { WorkflowEngineError } from "../errors.ts";
import type { BlobStore } from "../ports/blob-store.ts";
import type { JsonText } from "../ports/store.ts";
import { toText } from "../store/json-text.ts";
import { compareText } from "./table.ts";

/** A blob store in memory. Not part of any transaction: the engine stores a blob before a row names it. */
export class InMemoryBlobStore implements BlobStore {
  readonly #blobs = new Map<string, JsonText>();

  async put(key: string, value: unknown): Promise<void> {
    this.#blobs.set(key, toText(value) ?? "null");
  }

  async get(key: string): Promise<unknown> {
    const text = this.#blobs.get(key);
    if (text === undefined) throw new WorkflowEngineError("BLOB_NOT_FOUND", `Blob not found: ${key}`);
    return JSON.parse(text);
  }

  async has(key: string): Promise<boolean> {
    return this.#blobs.has(key);
  }

  async delete(key: string): Promise<void> {
    this.#blobs.delete(key);
  }

  async list(prefix: string): Promise<string[]> {
    return [...this.#blobs.keys()].filter((key) => key.startsWith(prefix)).sort(compareText);
  }

  /** Removes every blob. */
  clear(): void {
    this.#blobs.clear();
  }

  /** How many blobs there are. */
  size(): number {
    return this.#blobs.size;
  }
}
