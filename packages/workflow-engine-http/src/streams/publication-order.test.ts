// The feed of all events where ids say nothing about the order of commits: PostgreSQL, several processes' stores on one database, and a
// clock that stands still for half a second at a time, so that only the order of publications can keep the feed whole.
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { createNodeHost } from "@bratsos/workflow-engine-host-node";
import { createParser } from "eventsource-parser";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createHttpApi } from "../create-http-api.ts";
import { countLetters, until } from "../http.test-fixture.ts";

const isFull = process.env["PROOF"] === "full";
const RUNS = isFull ? 1_000 : 60;
const TICK_MS = 500;

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

const openStore = () => createPostgresStore({ connectionString: database.url, now: () => Math.floor(Date.now() / TICK_MS) * TICK_MS });

/** A process: a store, a worker and an API of its own. */
async function openProcess(workerId: string) {
  const store = openStore();
  const kernel = createKernel({ ...store, registry: createRegistry([countLetters]) });
  const host = createNodeHost({ kernel, workerId, handleSignals: false });
  const api = createHttpApi({ kernel, store, authorize: () => true });
  await host.start();
  const close = async (): Promise<void> => {
    api.close();
    await host.stop();
    await store.close();
  };
  return { kernel, store, api, close };
}

/** Everything that a stream says from now on. */
async function listen(fetch: (request: Request) => Promise<Response>): Promise<{ heard: string[]; stop(): Promise<void> }> {
  const heard: string[] = [];
  const response = await fetch(new Request("http://api.test/events", { headers: { accept: "text/event-stream" } }));
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  const parser = createParser({
    onEvent: ({ data }) => {
      const { workflowRunId, sequence } = JSON.parse(data);
      heard.push(`${workflowRunId} ${sequence}`);
    },
  });
  const reading = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) parser.feed(part.value);
  })().catch(() => undefined);
  return { heard, stop: async () => void (await Promise.all([reader.cancel(), reading])) };
}

describe("the feed on PostgreSQL", () => {
  it("has what is published later behind what was published before, whichever was written first", async () => {
    const store = openStore();
    const { persistence, reader } = store;
    const event = { eventType: "stage:progress", payload: {}, causationId: "t", occurredAt: new Date(0) };
    for (const workflowRunId of ["early", "late"]) await persistence.appendOutboxEvents([{ ...event, workflowRunId }]);
    const [early, late] = await persistence.getUnpublishedOutboxEvents();
    await persistence.markOutboxEventsPublished([late!.id]);
    const first = await reader.listAllEvents!();
    expect(first.items.map(({ workflowRunId }) => workflowRunId)).toEqual(["late"]);
    await persistence.markOutboxEventsPublished([early!.id]);
    const next = await reader.listAllEvents!(first.cursor);
    expect(next.items.map(({ workflowRunId }) => workflowRunId)).toEqual(["early"]);
    await store.close();
  });

  it("tells the readers of two processes every event of both, once, those of a run in their order", async () => {
    const processes = await Promise.all(["w1", "w2"].map(openProcess));
    const streams = await Promise.all(processes.map(({ api }) => listen(api.fetch)));
    const create = (i: number) =>
      processes[i % 2]!.kernel.dispatch({
        type: "run.create",
        idempotencyKey: `${i}`,
        workflowId: "count-letters",
        input: { words: ["a", "b"] },
      });
    await Promise.all(Array.from({ length: RUNS }, (_, i) => create(i)));
    const unpublished = async () => {
      const left = await processes[0]!.store.persistence.getUnpublishedOutboxEvents(1);
      const [ended] = await database.query("SELECT count(*)::int AS n FROM workflow_engine.runs WHERE status = 'COMPLETED'");
      return [left.length, ended!["n"]];
    };
    await until(unpublished, ([left, ended]) => left === 0 && ended === RUNS);

    const { reader } = processes[0]!.store;
    const written: string[] = [];
    for (const { id } of await allRuns(reader.listRuns.bind(reader))) {
      for (const { workflowRunId, sequence } of await reader.listEvents(id)) written.push(`${workflowRunId} ${sequence}`);
    }
    expect(written.length).toBeGreaterThan(RUNS * 4);
    for (const { heard } of streams) {
      await until(
        async () => heard.length,
        (length) => length >= written.length,
      );
      expect(heard.toSorted()).toEqual(written.toSorted());
      for (const [runId, own] of Map.groupBy(heard, (event) => event.split(" ")[0]!)) {
        expect(own).toEqual(own.map((_, index) => `${runId} ${index + 1}`));
      }
    }
    await Promise.all(streams.map(({ stop }) => stop()));
    await Promise.all(processes.map(({ close }) => close()));
  });
});

type ListRuns = ReturnType<typeof createPostgresStore>["reader"]["listRuns"];

async function allRuns(listRuns: ListRuns): Promise<Array<{ id: string }>> {
  const runs: Array<{ id: string }> = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Awaited<ReturnType<ListRuns>> = await listRuns({}, { limit: 500, cursor });
    runs.push(...page.items);
    cursor = page.nextCursor;
  }
  return runs;
}
