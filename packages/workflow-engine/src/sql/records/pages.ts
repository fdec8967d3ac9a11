// Keyset pages: a cursor names the last row of a page by its place in the list, an instant and an id.
import type { Page, PageRequest } from "../../ports/reader.ts";
import { placeOfCursor } from "../../store/cursors.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** Where a row stands in a list. */
export interface Place {
  readonly at: number;
  readonly id: string;
}

/** Before every row. */
export const FIRST: Place = { at: Number.MIN_SAFE_INTEGER, id: "" };

/** After every row. */
export const LAST: Place = { at: Number.MAX_SAFE_INTEGER, id: "" };

/** Rows of a page: 50 unless asked for, 500 at most. */
export function sizeOf({ limit = DEFAULT_LIMIT }: PageRequest): number {
  return Math.max(1, Math.min(limit, MAX_LIMIT));
}

/** The place that a page begins after; `start` without a cursor. */
export function afterPlace({ cursor }: PageRequest, start: Place): Place {
  if (cursor === undefined) return start;
  return placeOfCursor(cursor);
}

/** A page of rows, of which one more than its size was asked for. */
export function pageOf<R>(rows: readonly R[], size: number, placeOf: (row: R) => Place): Page<R> {
  const items = rows.slice(0, size);
  const last = items.at(-1);
  if (!last || rows.length <= size) return { items, nextCursor: null };
  const { at, id } = placeOf(last);
  return { items, nextCursor: `${at}_${id}` };
}
