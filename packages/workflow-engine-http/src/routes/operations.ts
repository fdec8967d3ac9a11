// For those who run the engine: dead letters, health, and the API's own document.
import { z } from "zod";
import { ApiProblem } from "../problem.ts";
import { json, type Route, route } from "../route.ts";
import { deadLetter, pageOf, pageQuery, replayBody } from "../schemas/index.ts";
import { viewDeadLetter } from "../views.ts";

const listDeadLetters = route({
  method: "GET",
  path: "/dead-letters",
  action: "deadLetters.read",
  summary: "Lists events that a consumer will not get again by itself, the longest dead first",
  query: pageQuery,
  answers: { 200: { description: "A page of dead letters.", schema: pageOf(deadLetter) } },
  handle: async ({ api, query }) => {
    const page = await api.reader.listDeadLetters(query);
    return json({ items: page.items.map(viewDeadLetter), nextCursor: page.nextCursor });
  },
});

const replayDeadLetters = route({
  method: "POST",
  path: "/dead-letters/replay",
  action: "deadLetters.replay",
  summary: "Delivers dead letters again, with fresh tries",
  body: replayBody,
  isBodyOptional: true,
  answers: { 200: { description: "How many.", schema: z.object({ replayed: z.number() }) } },
  handle: async ({ api, body }) => {
    const max = body?.maxEvents;
    return json(await api.kernel.dispatch({ type: "plugin.replayDLQ", ...(max !== undefined && { maxEvents: max }) }));
  },
});

const health = route({
  method: "GET",
  path: "/health",
  action: "health.read",
  summary: "Tells whether the store answers",
  answers: { 200: { description: "It does.", schema: z.object({ status: z.literal("ok") }) } },
  problems: [503],
  handle: async ({ api, request }) => {
    try {
      await api.store.persistence.getRunStatus("health");
    } catch (error) {
      api.onError(error, { errorId: api.environment.newId(), request });
      throw new ApiProblem(503, "STORE_CLOSED", "The store does not answer.", { headers: { "retry-after": "1" } });
    }
    return json({ status: "ok" });
  },
});

/** The routes for operators. */
export const operationRoutes: readonly Route[] = [listDeadLetters, replayDeadLetters, health];
