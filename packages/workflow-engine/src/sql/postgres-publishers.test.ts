// Publishers on PostgreSQL: those that take a part, that die, whose lease runs out, and several at once among writers (P18).
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { PostgresStore } from "./postgres.ts";
import { append, createOutboxes, feedOf, namesOf, settle, take } from "./publications.test-fixture.ts";

const outboxes = await createOutboxes();
const { database, open, connect } = outboxes;
afterEach(() => outboxes.closeAll());
afterAll(() => database.drop());

describe("publishers on PostgreSQL", () => {
  it("are parts where a publisher takes parts: all of what it saw before anything later, and no row is written for it", async () => {
    const store = open("parts");
    await store.migrate();
    const [writer, late] = [await connect(), await connect()];
    for (let i = 1; i <= 5; i++) await append(writer, "parts", "a", i);
    const first = await take(store, 2);
    expect(namesOf(first)).toEqual(["a 1", "a 2"]);
    await late.query("BEGIN");
    await append(late, "parts", "late");
    await append(writer, "parts", "a", 6);
    await late.query("COMMIT");
    await settle(store, first!);
    expect((await store.persistence.getUnpublishedOutboxEvents()).map(({ sequence }) => sequence)).toEqual([3, 4, 5, 1, 6]);
    const second = await take(store, 2);
    expect(namesOf(second)).toEqual(["a 3", "a 4"]);
    await settle(store, second!);
    const third = await take(store, 2);
    expect(namesOf(third)).toEqual(["a 5"]);
    await settle(store, third!);
    await settle(store, (await take(store, 2))!);
    expect(await take(store, 2)).toMatchObject({ fresh: [] });
    const all = ["a 1", "a 2", "a 3", "a 4", "a 5", "late 1", "a 6"];
    expect(await feedOf(store)).toEqual(all);
    expect(await feedOf(store, 1)).toEqual(all);
    expect(await database.query("SELECT 1 FROM parts.outbox WHERE published_at IS NOT NULL")).toEqual([]);
    const times = (await store.reader.listEvents("a")).map(({ publishedAt }) => publishedAt!.getTime());
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times[0]).toBe(times[1]);
    expect(new Set(times).size).toBe(4);
  });

  it("go on where a publisher died half-way, whether the next one takes or reads nothing", async () => {
    let now = 1_000;
    const [dying, next] = [open("killed", () => now), open("killed", () => now)];
    await dying.migrate();
    const writer = await connect();
    for (let i = 1; i <= 6; i++) await append(writer, "killed", "a", i);
    await settle(dying, (await take(dying, 2, 100))!);
    const lost = await take(dying, 2, 100);
    expect(namesOf(lost)).toEqual(["a 3", "a 4"]);
    expect(await take(next, 2)).toBeNull();
    expect(await next.runStore.publishUnread!()).toBe(0);
    now += 100;
    await append(writer, "killed", "a", 7);
    expect(await next.runStore.publishUnread!()).toBe(5);
    // what it took was published by another meanwhile
    expect(await settle(dying, lost!)).toBe(false);
    expect(await feedOf(next)).toEqual([1, 2, 3, 4, 5, 6, 7].map((i) => `a ${i}`));
    await append(writer, "killed", "b");
    await append(writer, "killed", "b", 2);
    const taken = await take(dying, 1, 100);
    now += 100;
    expect(namesOf(await take(next, 1, 100))).toEqual(["b 1"]);
    expect(await settle(dying, taken!)).toBe(false);
    now += 100;
    expect(namesOf(await take(next, 5, 100))).toEqual(["b 1", "b 2"]);
  });

  it("of one whose lease has run out, but whom nobody has replaced, do not go back behind another's", async () => {
    let now = 1_000;
    const [slow, other] = [open("slow", () => now), open("slow", () => now)];
    await slow.migrate();
    const [writer, late] = [await connect(), await connect()];
    await late.query("BEGIN");
    await append(late, "slow", "late");
    await append(writer, "slow", "a");
    const batch = await take(slow, 10, 100);
    now += 100;
    await late.query("COMMIT");
    expect(await other.runStore.publishUnread!()).toBe(2);
    await settle(slow, batch!);
    expect(await feedOf(slow)).toEqual(["late 1", "a 1"]);
    expect(await take(other)).toMatchObject({ fresh: [] });
  });

  it("keep many writers' and publishers' events whole: each once, those of a run in their order, none before a cursor", async () => {
    const schema = "storm";
    const [first, second] = [open(schema), open(schema)];
    await first.migrate();
    const perWriter = 60;
    let isDone = false;
    const write = async (n: number): Promise<void> => {
      const client = await connect();
      for (let i = 1; i <= perWriter; i++) {
        await client.query("BEGIN");
        await append(client, schema, `r${n}`, i);
        if (i % 7 === n) await client.query("SELECT pg_sleep(0.005)");
        if (i % 11 === 3) {
          await client.query("ROLLBACK; BEGIN");
          await append(client, schema, `r${n}`, i);
        }
        await client.query("COMMIT");
      }
    };
    const publish = async (store: PostgresStore, max: number): Promise<void> => {
      for (let last = false; ; ) {
        last = isDone;
        const batch = await take(store, max);
        if (batch && batch.fresh.length > 0) await settle(store, batch);
        else if (last) return;
        if (batch) await store.runStore.publishUnread!();
      }
    };
    const read: string[] = [];
    const follow = async (): Promise<void> => {
      for (let cursor: string | undefined; ; ) {
        // asked before the page is read: nothing is published after it
        const isAll = isDone && (await first.persistence.getUnpublishedOutboxEvents(1)).length === 0;
        const page = await second.reader.listAllEvents!(cursor, 7);
        read.push(...page.items.map(({ workflowRunId, sequence }) => `${workflowRunId} ${sequence}`));
        cursor = page.cursor;
        if (page.items.length === 0 && isAll) return;
      }
    };
    const writing = Promise.all([0, 1, 2, 3, 4].map(write)).then(() => void (isDone = true));
    await Promise.all([writing, publish(first, 3), publish(second, 50), follow()]);
    expect(read).toHaveLength(5 * perWriter);
    expect(await feedOf(first)).toEqual(read);
    for (const [run, own] of Map.groupBy(read, (event) => event.split(" ")[0]!)) {
      expect(own).toEqual(own.map((_, i) => `${run} ${i + 1}`));
    }
  });
});
