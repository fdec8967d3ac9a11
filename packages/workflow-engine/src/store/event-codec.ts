// Events to JSON and back. A run's output is in its event word for word, so it is spliced in as text and not written twice.
import { type DraftEvent, instantFields, type KernelEvent } from "../ports/event.ts";
import type { StoredEvent } from "../ports/store.ts";

/** One draft event as JSON text; a field named `outputJson` becomes `output`, taken as JSON text. */
export function encodeEvent(event: DraftEvent): string {
  const { outputJson, ...fields } = event;
  const text = JSON.stringify(fields);
  return outputJson === undefined ? text : `${text.slice(0, -1)},"output":${String(outputJson)}}`;
}

/** The events of one run and one commit as a JSON array. */
export function encodeEvents(events: readonly DraftEvent[]): string {
  return `[${events.map(encodeEvent).join(",")}]`;
}

/** The event that consumers see: run and time added, instants as Dates. */
export function toKernelEvent(event: StoredEvent): KernelEvent {
  const fields: Record<string, unknown> = { ...event.fields };
  for (const name of instantFields) {
    const value = fields[name];
    if (typeof value === "number" || typeof value === "string") fields[name] = new Date(value);
  }
  return {
    ...fields,
    type: event.type,
    timestamp: new Date(event.occurredAt),
    workflowRunId: event.runId,
    eventId: event.id,
  } as unknown as KernelEvent;
}
