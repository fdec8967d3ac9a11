// The feed of all events on PostgreSQL, where ids are no order, event by event as the CRUD port publishes them, at a clock that stands still.
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../../tools/postgres/test-databases.ts";
import { createFakeEnvironment } from "../../kernel/testing/fake-environment.ts";
import { createPostgresStore } from "../postgres.ts";
import type { SqlStore } from "../whole-store.ts";

const database = await createTestDatabase();
afterAll(() => database.drop());
let schemas = 0;

function openStore(): SqlStore {
  const now = () => 1_000;
  const environment = { ...createFakeEnvironment(), now };
  return createPostgresStore({ connectionString: database.url, schema: `feed_${++schemas}`, environment, now, notify: false });
}

async function openRows(count: number): Promise<{ store: SqlStore; ids: string[] }> {
  const store = openStore();
  await store.persistence.createRun({ id: "r", workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
  const event = { workflowRunId: "r", eventType: "stage:progress", payload: {}, causationId: "c", occurredAt: new Date(0) };
  for (let i = 0; i < count; i++) await store.persistence.appendOutboxEvents([event]);
  return { store, ids: (await store.persistence.getUnpublishedOutboxEvents()).map(({ id }) => id) };
}

describe("the feed of all events where ids are no order", () => {
  it("puts what was published later behind every cursor, also in the same instant and with a smaller id", async () => {
    const { store, ids } = await openRows(3);
    const { persistence, reader } = store;
    const [first, second, third] = ids as [string, string, string];
    await persistence.markOutboxEventsPublished([second]);
    const feed = await reader.listAllEvents!();
    expect(feed.items.map(({ id }) => id)).toEqual([second]);
    expect(await reader.lastEventCursor!()).toBe(feed.cursor);
    await persistence.markOutboxEventsPublished([first]);
    await persistence.markOutboxEventsPublished([third]);
    const rest = await reader.listAllEvents!(feed.cursor);
    expect(rest.items.map(({ id }) => id)).toEqual([first, third]);
    const paged = await reader.listAllEvents!(rest.items[0]!.cursor, 1);
    expect(paged.items.map(({ id }) => id)).toEqual([third]);
    expect(await reader.listAllEvents!(paged.cursor)).toEqual({ items: [], cursor: paged.cursor });
    await store.close();
  });

  it("gives a cursor of its beginning that is good for both orders", async () => {
    const { store, ids } = await openRows(1);
    const start = await store.reader.lastEventCursor!();
    expect(start).toBe("0.0");
    await store.persistence.markOutboxEventsPublished(ids);
    expect((await store.reader.listAllEvents!(start)).items.map(({ id }) => id)).toEqual(ids);
    await expect(store.reader.listAllEvents!("1.x.0")).rejects.toMatchObject({ code: "INVALID_COMMAND" });
    await store.close();
  });
});
