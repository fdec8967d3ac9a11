// Payloads as JSON text: a copy in, a copy out, and the same values come back as from a store that keeps them on disk (P6).
import { WorkflowEngineError } from "../errors.ts";
import type { JsonText } from "../ports/store.ts";

/** The JSON text of a payload; null for none. Throws PAYLOAD_NOT_JSON. */
export function toText(value: unknown): JsonText | null {
  if (value === undefined || value === null) return null;
  try {
    return JSON.stringify(value) ?? null;
  } catch (cause) {
    throw new WorkflowEngineError("PAYLOAD_NOT_JSON", `The value cannot be stored as JSON: ${String(cause)}`, { cause });
  }
}

/** The payload behind a JSON text; null for none. */
export function fromText<T = unknown>(text: JsonText | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}

/** Bytes of a text in UTF-8. */
export function byteLength(text: JsonText): number {
  return new TextEncoder().encode(text).length;
}
