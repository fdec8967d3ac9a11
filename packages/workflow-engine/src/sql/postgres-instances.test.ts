// P14: an instance that is silent and holds nothing is forgotten, and whoever gets a lease at that moment is known all the same, so that its
// silence is noticed when it dies with it.
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createPostgresStore, type PostgresStore } from "./postgres.ts";
import { instance, stageOf, starting } from "./runs.test-fixture.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

interface Place {
  readonly store: PostgresStore;
  /** A connection of somebody else. */
  readonly other: pg.Client;
  sql(text: string): Promise<Record<string, unknown>[]>;
}

/** A schema with one due stage and an instance that has been silent for long. */
async function withSilentInstance(schema: string, use: (place: Place) => Promise<void>): Promise<void> {
  const store = createPostgresStore({ connectionString: database.url, schema, notify: false });
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  try {
    await store.runStore.transact(starting("r", stageOf("r", "a")));
    await store.runStore.heartbeat(instance);
    await database.query(`UPDATE ${schema}.instances SET heartbeat_at = 1`);
    await use({ store, other, sql: (text) => database.query(text.replaceAll("$S", schema)) });
  } finally {
    await other.end();
    await store.close();
  }
}

const take = ({ runStore }: PostgresStore) => runStore.takeJobs({ instance, max: 1, workflowIds: ["w"] });

async function isWaiting(): Promise<boolean> {
  const rows = await database.query("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
  return rows.length > 0;
}

describe("an instance that is forgotten while it gets a lease", () => {
  it("is known again when it was forgotten first", () =>
    withSilentInstance("forgotten", async ({ store, other, sql }) => {
      await other.query("BEGIN; DELETE FROM forgotten.instances");
      const taking = take(store);
      await expect.poll(isWaiting).toBe(true);
      await other.query("COMMIT");
      expect(await taking).toHaveLength(1);
      await sql("UPDATE $S.stages SET locked_at = 1; UPDATE $S.instances SET heartbeat_at = 1");
      expect(await store.runStore.listStale(60_000, 10)).toHaveLength(1);
    }));

  it("is not forgotten when it was about to get it first", () =>
    withSilentInstance("getting", async ({ store, other, sql }) => {
      await other.query("BEGIN; SELECT FROM getting.instances FOR NO KEY UPDATE");
      await other.query(
        "UPDATE getting.stages SET status = 'RUNNING', instance_id = 'i1', worker_id = 'worker', locked_at = 1, ready_at = NULL",
      );
      expect(await store.runStore.listStale(60_000, 10)).toEqual([]);
      await other.query("COMMIT");
      expect(await sql("SELECT id FROM $S.instances")).toEqual([{ id: instance.id }]);
      expect(await store.runStore.listStale(60_000, 10)).toHaveLength(1);
    }));

  it("is forgotten when it holds nothing", () =>
    withSilentInstance("idle", async ({ store, sql }) => {
      expect(await store.runStore.listStale(60_000, 10)).toEqual([]);
      expect(await sql("SELECT id FROM $S.instances")).toEqual([]);
    }));
});
