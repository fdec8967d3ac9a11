// A database whose outbox is written by hand, for tests of publications: each order of commits is the one that is told.
import pg from "pg";
import { createTestDatabase, type TestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../environment.ts";
import type { EventBatch } from "../ports/store.ts";
import { createPostgresStore, type PostgresStore } from "./postgres.ts";

/** A database, processes on it and other connections to it. */
export interface Outboxes {
  readonly database: TestDatabase;
  /** A process on a schema; its clock stands still unless given, so that only publications put anything in order. */
  open(schema: string, now?: () => number): PostgresStore;
  /** Somebody's connection. */
  connect(): Promise<pg.Client>;
  /** Closes what was opened. */
  closeAll(): Promise<void>;
}

/** Makes a database for the tests of a file. */
export async function createOutboxes(): Promise<Outboxes> {
  const database = await createTestDatabase();
  const closing: Array<() => Promise<unknown>> = [];
  return {
    database,
    open(schema, now = () => 1_000) {
      const environment = { ...realEnvironment, now };
      const store = createPostgresStore({ connectionString: database.url, schema, environment, now, notify: false });
      closing.push(() => store.close());
      return store;
    },
    async connect() {
      const client = new pg.Client({ connectionString: database.url });
      await client.connect();
      closing.push(() => client.end());
      return client;
    },
    closeAll: async () => void (await Promise.all(closing.splice(0).map((close) => close()))),
  };
}

/** Appends one event of a run; answers its id. */
export async function append(client: pg.Client, schema: string, runId: string, sequence = 1): Promise<string> {
  const { rows } = await client.query(
    `INSERT INTO ${schema}.outbox (run_id, occurred_at, events, raw_type, count, first_sequence) VALUES ($1, 0, '[{}]', 'stage:progress', 1, $2) RETURNING id`,
    [runId, sequence],
  );
  return `${rows[0].id}.0`;
}

/** Runs and sequences of events taken. */
export function namesOf(batch: EventBatch | null): string[] {
  return batch!.fresh.map(({ runId, sequence }) => `${runId} ${sequence}`);
}

/** Everything published, in its order, as read by pages of so many. */
export async function feedOf(store: PostgresStore, limit = 100): Promise<string[]> {
  const told: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await store.reader.listAllEvents!(cursor, limit);
    told.push(...page.items.map(({ workflowRunId, sequence }) => `${workflowRunId} ${sequence}`));
    cursor = page.cursor;
    if (page.items.length === 0) return told;
  }
}

/** Takes events as a publisher does; milliseconds. */
export function take({ runStore }: PostgresStore, max = 100, leaseMs = 60_000): Promise<EventBatch | null> {
  return runStore.takeEvents({ max, leaseMs });
}

/** Says that all of a batch is published. */
export function settle({ runStore }: PostgresStore, batch: EventBatch): Promise<boolean> {
  return runStore.settleEvents({ token: batch.token, published: batch.fresh, failed: [], delivered: [] });
}
