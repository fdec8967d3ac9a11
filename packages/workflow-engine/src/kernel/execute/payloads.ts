// Values to JSON text and back (P6, P7): small ones sit in the row, larger ones go to the blob store before any row names them.
// What a stage reads is always what the store would give after a crash: JSON, parsed afresh for each reader.
import { WorkflowEngineError } from "../../errors.ts";
import { type BlobStore, isBlobReference } from "../../ports/blob-store.ts";
import type { JsonText } from "../../ports/store.ts";
import type { Awaitable } from "./awaitable.ts";

/** Sizes in bytes of JSON text in UTF-8. */
export interface PayloadLimits {
  /** Larger payloads go to the blob store; default 32 KiB. */
  inlineBytes: number;
  /** Larger payloads are refused; default 64 MiB. */
  maxBytes: number;
}

/** How a payload is called, where that has to be said. */
export interface PayloadName {
  /** In an error: e.g. `Output of stage "extract"`. */
  readonly what: string;
  /** Where the blob goes if it is big. */
  readonly blobKey: string;
}

/** JSON text for a row; a big value is stored under `name.blobKey` first. Refuses what is not JSON or over the limit. */
export function storePayload(value: unknown, name: PayloadName, limits: PayloadLimits, blobStore: BlobStore): Awaitable<JsonText> {
  const text = textOf(value, name);
  const bytes = byteLength(text, limits.inlineBytes);
  if (bytes <= limits.inlineBytes && !isStoredAsBlob(text)) return text; // what looks like a reference is one
  if (bytes > limits.maxBytes) {
    throw new WorkflowEngineError(
      "PAYLOAD_TOO_LARGE",
      `${name.what} is ${bytes} bytes as JSON, over the limit of ${limits.maxBytes} bytes. Save large data with ctx.storage and pass its key.`,
    );
  }
  return blobStore.put(name.blobKey, JSON.parse(text)).then(() => JSON.stringify({ $blob: name.blobKey, bytes }));
}

/** The value of a payload, fetched when it is kept in the blob store. */
export function loadPayload(text: JsonText, blobStore: BlobStore): Awaitable<unknown> {
  const value: unknown = JSON.parse(text);
  return isBlobReference(value) ? blobStore.get(value.$blob) : value;
}

/** Follows the references in a run's output, which may hold one for each stage of its last group. */
export async function resolveOutput(output: unknown, blobStore: BlobStore): Promise<unknown> {
  if (isBlobReference(output)) return blobStore.get(output.$blob);
  if (typeof output !== "object" || output === null || Array.isArray(output)) return output;
  const parts = Object.entries(output);
  if (!parts.some(([, part]) => isBlobReference(part))) return output;
  return Object.fromEntries(
    await Promise.all(parts.map(async ([name, part]) => [name, isBlobReference(part) ? await blobStore.get(part.$blob) : part])),
  );
}

/** True when the text stands for a value in the blob store. */
export function isStoredAsBlob(text: JsonText): boolean {
  return text.startsWith('{"$blob":');
}

/** JSON text of a value; undefined is null, as JSON has none. */
export function toJson(value: unknown, what: string): JsonText {
  return textOf(value, { what });
}

function textOf(value: unknown, name: Pick<PayloadName, "what">): JsonText {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WorkflowEngineError(
      "PAYLOAD_NOT_JSON",
      `${name.what} cannot be stored as JSON: ${reason}. Return plain objects, arrays and primitives.`,
    );
  }
}

/** Bytes in UTF-8; an upper bound when that is at most `enough`, which saves the counting. */
function byteLength(text: string, enough: number): number {
  return text.length * 3 <= enough ? text.length * 3 : new TextEncoder().encode(text).length;
}
