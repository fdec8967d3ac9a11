// Events of outbox rows: a row holds the events of one commit, and an event is what others count (P18).
import type { DraftEvent } from "../ports/event.ts";
import type { StoredEvent } from "../ports/store.ts";
import { eventIdOf } from "../store/record-ids.ts";
import type { Row } from "./db.ts";

/** A row of the outbox. */
export interface OutboxRow {
  readonly id: number;
  readonly runId: string;
  readonly occurredAt: number;
  /** What caused the events; the run itself unless somebody said otherwise. */
  readonly causationId: string;
  readonly events: string;
  /** Type of the one event that the CRUD port appended; its payload is the one element of `events`. */
  readonly rawType: string | null;
  readonly count: number;
  readonly firstSequence: number;
  readonly publishedAt: number | null;
}

/** What became of one event where that differs from its row: the CRUD port marks events one by one. */
export interface EventMark {
  readonly publishedAt: number | null;
  readonly tries: number;
  readonly deadAt: number | null;
}

/** A row that has the columns `outboxColumns`. */
export function readOutboxRow(row: Row): OutboxRow {
  return {
    id: row[0] as number,
    runId: row[1] as string,
    occurredAt: row[2] as number,
    causationId: (row[3] as string | null) ?? (row[1] as string),
    events: row[4] as string,
    rawType: row[5] as string | null,
    count: row[6] as number,
    firstSequence: row[7] as number,
    publishedAt: row[8] as number | null,
  };
}

/** One event as a row keeps it: type and fields apart, so that a reader has the fields without copying them. */
export function encodeEvent({ type, outputJson, ...fields }: DraftEvent): string {
  const text = JSON.stringify(fields);
  if (outputJson === undefined) return `["${type}",${text}]`;
  // a run's output is in its event word for word, as the text that it is
  return `["${type}",${text === "{}" ? "{" : `${text.slice(0, -1)},`}"output":${String(outputJson)}}]`;
}

/** The events of a row. */
export function eventsOf(row: OutboxRow): StoredEvent[] {
  const { id, runId, occurredAt, firstSequence } = row;
  const kept = JSON.parse(row.events) as unknown[];
  return kept.map((event, index) => {
    const [type, fields] = row.rawType === null ? (event as [string, Record<string, unknown>]) : [row.rawType, fieldsOf(event)];
    return { id: eventIdOf(String(id), index), runId, sequence: firstSequence + index, occurredAt, type, fields };
  });
}

/** The payload of an event as the CRUD port gave or gets it. */
export function payloadOf(row: OutboxRow, event: StoredEvent): unknown {
  return row.rawType === null ? event.fields : (JSON.parse(row.events) as unknown[])[0];
}

function fieldsOf(payload: unknown): Record<string, unknown> {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return { payload };
  const { type: _, ...fields } = payload as Record<string, unknown>;
  return fields;
}
