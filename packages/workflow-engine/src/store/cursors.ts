// Cursors as readers get them back from callers: what is none of ours is refused, not searched for.
import { WorkflowEngineError } from "../errors.ts";
import { eventIdOf, parseEventId } from "./record-ids.ts";

/** Takes a cursor of a page apart, `{instant}_{id}`; throws INVALID_COMMAND. */
export function placeOfCursor(cursor: string): { at: number; id: string } {
  const parts = /^(\d{1,16})_([^\0]+)$/s.exec(cursor);
  if (!parts || !cursor.isWellFormed() || !Number.isSafeInteger(Number(parts[1]))) throw foreignCursor(cursor);
  return { at: Number(parts[1]), id: parts[2]! };
}

/** Where the feed of all events begins. */
export const FEED_START: string = eventIdOf("0", 0);

/** Takes a cursor of the feed of all events apart, an event's id; throws INVALID_COMMAND. */
export function placeOfEvent(cursor: string = FEED_START): { row: number; index: number } {
  const parts = parseEventId(cursor);
  const row = Number(parts && /^\d+$/.test(parts.row) ? parts.row : Number.NaN);
  if (!parts || !Number.isSafeInteger(row) || !Number.isSafeInteger(parts.index)) throw foreignCursor(cursor);
  return { row, index: parts.index };
}

/** The refusal of a cursor that no page gave. */
export function foreignCursor(cursor: string): WorkflowEngineError {
  return new WorkflowEngineError(
    "INVALID_COMMAND",
    `The cursor ${JSON.stringify(cursor.slice(0, 100))} is none of ours: pass the nextCursor of the page before, unchanged.`,
  );
}
