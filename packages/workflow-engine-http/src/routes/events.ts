// Events, of one run and of all: as a list, or as a stream for whoever accepts text/event-stream. Both go on behind Last-Event-ID.
import type { Reader } from "@bratsos/workflow-engine/kernel";
import type { ApiParts } from "../api-parts.ts";
import { ApiProblem } from "../problem.ts";
import { check, json, type Route, route } from "../route.ts";
import { event, eventsQuery, pageOf, runEventsQuery } from "../schemas/index.ts";
import { allEvents, runEvents } from "../streams/event-sources.ts";
import { type EventSource, streamEvents } from "../streams/event-stream.ts";
import { isEvent, viewEvent } from "../views.ts";
import { requireRun } from "./run-lists.ts";

const LIST_LIMIT = 500;
const headers = { "Last-Event-ID": "Go on behind this event; goes before `after`. Browsers send it when they reconnect." };

const listRunEvents = route({
  method: "GET",
  path: "/runs/{runId}/events",
  action: "events.read",
  summary: "Tells the events of a run, in order",
  query: runEventsQuery,
  headers,
  answers: {
    200: {
      description: "A list, `nextCursor` being the next `after`; or a stream whose ids are sequences.",
      schema: pageOf(event),
      isStream: true,
    },
    204: { description: "A stream until the run has ended, and everything was told already." },
  },
  problems: [404, 429],
  handle: async ({ api, request, params, query }) => {
    const runId = params["runId"]!;
    await requireRun(api, runId);
    const after = lastIdOf(request, (id) => check(runEventsQuery, { after: id }, "header.Last-Event-ID").after) ?? query.after ?? 0;
    if (!wantsStream(request)) {
      const limit = query.limit ?? LIST_LIMIT;
      const rows = await api.reader.listEvents(runId, after, limit);
      const nextCursor = rows.length < limit ? null : String(rows.at(-1)!.sequence);
      return json({ items: rows.filter(isEvent).map(viewEvent), nextCursor });
    }
    const source = runEvents(api, runId, query.until === "ended");
    // 204 tells a browser's EventSource not to come again (HTML standard, 9.2.3)
    if (request.headers.has("last-event-id") && (await isToldOf(api, source, runId, after))) return new Response(null, { status: 204 });
    return openStream(api, request, source, after);
  },
});

const listAllEvents = route({
  method: "GET",
  path: "/events",
  action: "events.read",
  summary: "Tells the events of all runs, those of each in order",
  query: eventsQuery,
  headers,
  answers: { 200: { description: "A list, `nextCursor` being the next `after`; or a stream.", schema: pageOf(event), isStream: true } },
  problems: [429, 501],
  handle: async ({ api, request, query }) => {
    const feed = feedOf(api.reader);
    const after = lastIdOf(request, (id) => check(eventsQuery, { after: id }, "header.Last-Event-ID").after) ?? query.after;
    if (!wantsStream(request)) {
      const limit = query.limit ?? LIST_LIMIT;
      const { items, cursor } = await feed.listAllEvents(after, limit);
      return json({ items: items.filter(isEvent).map(viewEvent), nextCursor: items.length < limit ? null : cursor });
    }
    return openStream(api, request, allEvents(api, feed.listAllEvents), after ?? (await feed.lastEventCursor()));
  },
});

/** The routes that tell events. */
export const eventRoutes: readonly Route[] = [listRunEvents, listAllEvents];

function wantsStream(request: Request): boolean {
  // a HEAD is answered without its body, which nobody would ever end
  return request.method === "GET" && /\btext\/event-stream\b/i.test(request.headers.get("accept") ?? "");
}

/** True when everything was told before. */
async function isToldOf({ reader }: ApiParts, source: EventSource<number>, runId: string, after: number): Promise<boolean> {
  if ((await reader.listEvents(runId, after, 1)).length > 0) return false;
  const [last] = after > 0 ? await reader.listEvents(runId, after - 1, 1) : [];
  return source.isOver(last ? { type: last.eventType } : null);
}

function lastIdOf<T>(request: Request, read: (id: string) => T): T | undefined {
  const id = request.headers.get("last-event-id");
  return id === null || id === "" ? undefined : read(id);
}

function feedOf(reader: Reader): Required<Pick<Reader, "listAllEvents" | "lastEventCursor">> {
  if (!reader.listAllEvents || !reader.lastEventCursor) {
    throw new ApiProblem(
      501,
      "NOT_SUPPORTED",
      "This store's reader has no feed of all events; read them run by run, /runs/{runId}/events.",
    );
  }
  return { listAllEvents: reader.listAllEvents.bind(reader), lastEventCursor: reader.lastEventCursor.bind(reader) };
}

async function openStream<C>(api: ApiParts, request: Request, source: EventSource<C>, cursor: C): Promise<Response> {
  if (api.tail.size >= api.maxStreams) {
    const message = `There are ${api.maxStreams} event streams open already; try again when some have ended.`;
    throw new ApiProblem(429, "TOO_MANY_STREAMS", message, { headers: { "retry-after": "5" } });
  }
  const body = streamEvents({
    ...{ source, cursor, environment: api.environment, heartbeatMs: api.heartbeatMs },
    signal: AbortSignal.any([request.signal, api.closed]),
    onEnd: () => undefined,
    onError: (error) => api.onError(error, { errorId: api.environment.newId(), request }),
  });
  const streamHeaders = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store, no-transform" };
  return new Response(body, { headers: { ...streamHeaders, "x-accel-buffering": "no" } });
}
