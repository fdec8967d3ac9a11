// Values as columns hold them: payloads as JSON text, Dates as milliseconds. The same values come back (P6).
import type { SqlValue } from "../db.ts";

export { byteLength, fromText, toText } from "../../store/json-text.ts";

/** The stored instant as a Date; null for none. */
export function toDate(at: SqlValue | undefined): Date | null {
  return typeof at === "number" ? new Date(at) : null;
}

/** The milliseconds of a Date; null and undefined stay. */
export function fromDate(at: Date | null | undefined): number | null | undefined {
  return at ? at.getTime() : at;
}

/** `value`, or what was before when it is undefined. */
export function keep<T>(value: T | undefined, before: T): T {
  return value === undefined ? before : value;
}
