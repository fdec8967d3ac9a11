// The two things one can listen to: the events of one run, in their sequence, and the events of all, in the order of the feed.
import type { OutboxRecord, Reader } from "@bratsos/workflow-engine/kernel";
import { isEnded } from "@bratsos/workflow-engine/kernel";
import type { ApiParts } from "../api-parts.ts";
import { isEvent, viewEvent } from "../views.ts";
import type { EventSource, StreamEvent } from "./event-stream.ts";

const PAGE = 64;
/** A run that ended longer ago than this has no event on its way. */
const SETTLED_MS = 60_000;
const endTypes = new Set(["workflow:completed", "workflow:failed", "workflow:cancelled"]);

/** The events of one run; with `untilEnded` it is over when the run is. */
export function runEvents({ reader, store, tail, environment }: ApiParts, runId: string, untilEnded: boolean): EventSource<number> {
  return {
    async read(after) {
      const rows = await reader.listEvents(runId, after, PAGE);
      return {
        events: rows.filter(isEvent).map((row) => toStreamEvent(row, String(row.sequence))),
        cursor: rows.at(-1)?.sequence ?? after,
      };
    },
    async isOver(last) {
      const status = await store.persistence.getRunStatus(runId);
      if (status === null) return true; // deleted
      if (!untilEnded || !isEnded(status)) return false;
      if (last && endTypes.has(last.type)) return true;
      const endedAt = (await store.persistence.getRun(runId))?.completedAt;
      return !endedAt || environment.now() - endedAt.getTime() > SETTLED_MS;
    },
    subscribe: (wake) => tail.subscribe(runId, wake),
  };
}

/** The events of all runs; the reader has a feed. */
export function allEvents({ tail }: ApiParts, listAllEvents: NonNullable<Reader["listAllEvents"]>): EventSource<string> {
  return {
    async read(after) {
      const { items, cursor } = await listAllEvents(after, PAGE);
      return { events: items.filter(isEvent).map((row) => toStreamEvent(row, row.cursor)), cursor };
    },
    isOver: async () => false,
    subscribe: (wake) => tail.subscribe(null, wake),
  };
}

function toStreamEvent(row: OutboxRecord, id: string): StreamEvent {
  return { id, type: row.eventType, data: viewEvent(row) };
}
