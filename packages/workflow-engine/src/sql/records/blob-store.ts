// Payloads too big for a row, kept in a table of the same database (P7). Not part of any transaction: the engine stores a blob before a
// row names it.
import { WorkflowEngineError } from "../../errors.ts";
import type { BlobStore } from "../../ports/blob-store.ts";
import { forOne } from "../dialect.ts";
import { fromText, toText } from "./json-text.ts";
import type { Steps } from "./steps.ts";

const putBlob = forOne("put_blob", { key: "text", value: "text", now: "int" }, (p) => {
  return `INSERT INTO blobs (key, value, created_at) VALUES (${p.key}, ${p.value}, ${p.now})
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, created_at = excluded.created_at`;
});
const getBlob = forOne("get_blob", { key: "text" }, (p) => `SELECT value FROM blobs WHERE key = ${p.key}`);
const findBlob = forOne("find_blob", { key: "text" }, (p) => `SELECT 1 FROM blobs WHERE key = ${p.key}`);
const deleteBlob = forOne("delete_blob", { key: "text" }, (p) => `DELETE FROM blobs WHERE key = ${p.key}`);
// keys are ordered by their bytes, so a prefix is a range of them
const listBlobs = forOne("list_blobs", { prefix: "text", last: "text" }, (p) => {
  return `SELECT key FROM blobs WHERE key >= ${p.prefix} AND key <= ${p.last} AND substr(key, 1, length(${p.prefix})) = ${p.prefix} ORDER BY key`;
});

/** The greatest character: nothing that begins with a prefix comes after the prefix and this. */
const LAST = "\u{10ffff}";

/** A blob store in a SQL database. */
export class SqlBlobStore implements BlobStore {
  readonly #steps: Steps;

  constructor(steps: Steps) {
    this.#steps = steps;
  }

  async put(key: string, value: unknown): Promise<void> {
    const text = toText(value) ?? "null";
    await this.#steps.write(({ session, now }) => session.write(putBlob, [[key, text, now]]));
  }

  async get(key: string): Promise<unknown> {
    const [row] = await this.#steps.read(({ session }) => session.read(getBlob, [[key]]));
    if (!row) throw new WorkflowEngineError("BLOB_NOT_FOUND", `Blob not found: ${key}`);
    return fromText(row[0] as string);
  }

  async has(key: string): Promise<boolean> {
    return (await this.#steps.read(({ session }) => session.read(findBlob, [[key]]))).length > 0;
  }

  async delete(key: string): Promise<void> {
    await this.#steps.write(({ session }) => session.write(deleteBlob, [[key]]));
  }

  async list(prefix: string): Promise<string[]> {
    const rows = await this.#steps.read(({ session }) => session.read(listBlobs, [[prefix, `${prefix}${LAST}`]]));
    return rows.map(([key]) => key as string);
  }
}
