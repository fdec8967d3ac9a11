// Where payloads too big for a row live (P7).

/** Keeps JSON values by key. `put` replaces; `get` of a missing key throws BLOB_NOT_FOUND; `delete` of one does nothing. */
export interface BlobStore {
  put(key: string, value: unknown): Promise<void>;
  get(key: string): Promise<unknown>;
  has(key: string): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Keys that begin with `prefix`, in order. */
  list(prefix: string): Promise<string[]>;
}

/** Stands in a row for a payload kept in the blob store. */
export interface BlobReference {
  /** Key in the blob store. */
  $blob: string;
  /** Bytes of the value as JSON text in UTF-8. */
  bytes: number;
}

/** True for a value that stands for a payload kept in the blob store. */
export function isBlobReference(value: unknown): value is BlobReference {
  return typeof value === "object" && value !== null && "$blob" in value && "bytes" in value && Object.keys(value).length === 2;
}
