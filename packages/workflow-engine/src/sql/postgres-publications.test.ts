// Publications on PostgreSQL, where a row with a smaller id may become visible later: late commits, gaps, transactions that stay open, tables
// that move to another server (P18).
import pg from "pg";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { append, createOutboxes, feedOf, namesOf, settle, take } from "./publications.test-fixture.ts";

const outboxes = await createOutboxes();
const { database, open, connect } = outboxes;
afterEach(() => outboxes.closeAll());
afterAll(() => database.drop());

describe("publications on PostgreSQL", () => {
  it("have what is committed late in a later one, though its id is smaller", async () => {
    const store = open("late");
    await store.migrate();
    const [early, late] = [await connect(), await connect()];
    await late.query("BEGIN");
    const smaller = await append(late, "late", "late");
    await append(early, "late", "early");
    expect(await store.runStore.publishUnread!()).toBe(1);
    const { items, cursor } = await store.reader.listAllEvents!();
    expect(items.map(({ workflowRunId }) => workflowRunId)).toEqual(["early"]);
    expect(await store.reader.lastEventCursor!()).toBe(cursor);
    expect(await store.runStore.publishUnread!()).toBe(0);
    await late.query("COMMIT");
    expect((await store.persistence.getUnpublishedOutboxEvents()).map(({ id }) => id)).toEqual([smaller]);
    expect(await store.reader.listEvents("late")).toEqual([]);
    expect(await store.runStore.publishUnread!()).toBe(1);
    expect((await store.reader.listAllEvents!(cursor)).items.map(({ workflowRunId }) => workflowRunId)).toEqual(["late"]);
    expect(await feedOf(store)).toEqual(["early 1", "late 1"]);
    expect(await feedOf(store, 1)).toEqual(["early 1", "late 1"]);
    const at = async (run: string) => (await store.reader.listEvents(run))[0]!.publishedAt!.getTime();
    expect(await at("late")).toBeGreaterThan(await at("early"));
  });

  it("wait for nobody: neither for what is rolled back, nor for a transaction elsewhere on the server that stays open", async () => {
    const store = open("gaps");
    await store.migrate();
    const other = await createTestDatabase();
    const stranger = new pg.Client({ connectionString: other.url });
    await stranger.connect();
    await stranger.query("BEGIN; CREATE TABLE dump (id int)");
    const [writer, undone] = [await connect(), await connect()];
    await undone.query("BEGIN");
    await append(undone, "gaps", "undone");
    await append(writer, "gaps", "a");
    expect(await store.runStore.publishUnread!()).toBe(1);
    await undone.query("ROLLBACK");
    await append(writer, "gaps", "a", 2);
    const batch = await take(store);
    expect(namesOf(batch)).toEqual(["a 2"]);
    expect(await settle(store, batch!)).toBe(true);
    expect(await feedOf(store)).toEqual(["a 1", "a 2"]);
    const [row] = await database.query("SELECT count(*)::int AS said FROM gaps.outbox WHERE published_at IS NOT NULL");
    expect(row).toEqual({ said: 0 });
    await stranger.query("ROLLBACK");
    await stranger.end();
    await other.drop();
  });

  it("have what a transaction wrote after a savepoint that it went back to, and what it wrote before", async () => {
    const store = open("savepoints");
    await store.migrate();
    const client = await connect();
    await client.query("BEGIN");
    await append(client, "savepoints", "a");
    await client.query("SAVEPOINT here");
    await append(client, "savepoints", "undone");
    await client.query("ROLLBACK TO here; SAVEPOINT again");
    await append(client, "savepoints", "a", 2);
    expect(await store.runStore.publishUnread!()).toBe(0);
    await client.query("COMMIT");
    expect(await store.runStore.publishUnread!()).toBe(2);
    expect(await feedOf(store)).toEqual(["a 1", "a 2"]);
  });

  it("say of what was open through very many transactions each row, so that a publication stays narrow", async () => {
    const store = open("old");
    await store.migrate();
    const [old, writer] = [await connect(), await connect()];
    await old.query("BEGIN");
    await append(old, "old", "old");
    await append(writer, "old", "a");
    expect(await store.runStore.publishUnread!()).toBe(1);
    await writer.query("DO $$ BEGIN FOR i IN 1..1100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
    await append(writer, "old", "a", 2);
    expect(await store.runStore.publishUnread!()).toBe(1);
    await append(old, "old", "old", 2);
    await old.query("COMMIT");
    await append(writer, "old", "a", 3);
    expect(await store.runStore.publishUnread!()).toBe(3);
    expect(await feedOf(store, 2)).toEqual(["a 1", "a 2", "old 1", "old 2", "a 3"]);
    const said = await database.query("SELECT run_id FROM old.outbox WHERE published_at IS NOT NULL");
    expect(said.map(({ run_id }) => run_id)).toEqual(["old", "old"]);
    // the same by a publisher that takes them
    await old.query("BEGIN");
    await append(old, "old", "old", 3);
    await append(writer, "old", "a", 4);
    await settle(store, (await take(store))!);
    await writer.query("DO $$ BEGIN FOR i IN 1..1100 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
    await append(writer, "old", "a", 5);
    await settle(store, (await take(store))!);
    await old.query("COMMIT");
    await append(writer, "old", "a", 6);
    const batch = await take(store);
    expect(namesOf(batch)).toEqual(["old 3", "a 6"]);
    await settle(store, batch!);
    expect((await feedOf(store)).slice(5)).toEqual(["a 4", "a 5", "old 3", "a 6"]);
    expect(await take(store)).toMatchObject({ fresh: [] });
  });

  it("are deleted when no row of theirs is left, but the last, which says where to go on", async () => {
    let now = 1_000;
    const store = open("swept", () => now);
    await store.migrate();
    const writer = await connect();
    for (let i = 1; i <= 3; i++) {
      await append(writer, "swept", "a", i);
      await store.runStore.publishUnread!();
      now += 1_000;
    }
    const before = 2_500;
    const limits = { publishedBefore: before, deadBefore: 0, keysBefore: 0, endedRunsBefore: null, max: 100 };
    expect(await store.runStore.sweep(limits)).toMatchObject({ events: 2 });
    await store.runStore.sweep(limits);
    expect(await database.query("SELECT published_at::int AS at FROM swept.publications")).toEqual([{ at: 3_000 }]);
    expect(await feedOf(store)).toEqual(["a 3"]);
    await store.runStore.sweep({ ...limits, publishedBefore: now });
    await store.runStore.sweep({ ...limits, publishedBefore: now });
    expect(await database.query("SELECT published_at::int AS at FROM swept.publications")).toEqual([{ at: 3_000 }]);
    await append(writer, "swept", "a", 4);
    expect(await store.runStore.publishUnread!()).toBe(1);
    expect(await feedOf(store)).toEqual(["a 4"]);
  });

  it("survive that the tables move to a server whose transactions are counted from less", async () => {
    const store = open("moved");
    await store.migrate();
    const writer = await connect();
    await append(writer, "moved", "a");
    await store.runStore.publishUnread!();
    const cursor = await store.reader.lastEventCursor!();
    await append(writer, "moved", "a", 2);
    // as if this server were the other one
    await database.query("UPDATE moved.outbox SET tx = tx + 1000000000");
    await database.query("UPDATE moved.publications SET after_tx = after_tx + 1000000000, until_tx = until_tx + 1000000000");
    const there = open("moved");
    await there.migrate();
    await append(writer, "moved", "a", 3);
    expect(namesOf(await take(there))).toEqual(["a 2", "a 3"]);
    const again = await database.query("UPDATE moved.leases SET until = 0 RETURNING 1");
    expect(again).toHaveLength(1);
    expect(await there.runStore.publishUnread!()).toBe(2);
    expect(await feedOf(there)).toEqual(["a 1", "a 2", "a 3"]);
    expect((await there.reader.listAllEvents!(cursor)).items.map(({ sequence }) => sequence)).toEqual([2, 3]);
  });
});
