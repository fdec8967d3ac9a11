// What processes tell each other through PostgreSQL (P16): messages of others, long ids, listeners that throw, listening to a closed store.
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../environment.ts";
import type { StoreSignal } from "../ports/store.ts";
import { decodeSignal, encodeSignal } from "./drivers/postgres-listener.ts";
import { hashOf } from "./lanes.ts";
import { createPostgresStore, type PostgresStoreOptions } from "./postgres.ts";
import { changing, newRun } from "./runs.test-fixture.ts";

const database = await createTestDatabase();
const stores: Array<{ close(): Promise<void> }> = [];
const open = (schema: string, options: Partial<PostgresStoreOptions> = {}) => {
  const store = createPostgresStore({ connectionString: database.url, schema, ...options });
  stores.push(store);
  return store;
};
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await database.drop();
});

const nothing: StoreSignal = { hasWork: false, hasEvents: false, mayHaveLost: false, wakeAt: null, ended: [] };
const listeners = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'`;

describe("a message", () => {
  it("of anybody else on the channel says that anything may have happened, and ends nothing", async () => {
    const { runStore } = open("foreign");
    const heard: StoreSignal[] = [];
    runStore.onSignal((signal) => heard.push(signal));
    await expect.poll(() => heard.length).toBe(1);
    for (const message of ["hello", "null", "[]", "{}"]) {
      await database.query("SELECT pg_notify($1, $2)", [`workflow_engine_${hashOf("foreign").toString(36)}`, message]);
    }
    await expect.poll(() => heard.length).toBe(5);
    expect(heard.at(-1)).toEqual({ ...nothing, hasWork: true, hasEvents: true, mayHaveLost: true, ended: null });
    await runStore.transact(changing("r", { create: newRun }));
    expect(heard).toHaveLength(6);
  });

  it("is never longer than PostgreSQL takes, whatever ids are made of", async () => {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    for (const character of ["a", "\u904b", '"', "\u0001", "\u{1f600}"]) {
      for (const length of [1, 50, 200, 2_000]) {
        const ended = Array.from({ length: 90 }, () => character.repeat(length));
        const message = encodeSignal("sender", { ...nothing, ended }, 1);
        await client.query("SELECT pg_notify('any', $1)", [message]);
        expect([null, ended]).toContainEqual(decodeSignal(message).signal.ended);
      }
    }
    expect(decodeSignal(encodeSignal("sender", { ...nothing, ended: ["\u904b"] }, 1)).signal.ended).toEqual(["\u904b"]);
    await client.end();
  });
});

describe("work", () => {
  it("is due for whoever is called to it, also when the caller's clock is ahead", async () => {
    let ahead = 0;
    const creator = open("ahead", { environment: { ...realEnvironment, now: () => realEnvironment.now() + ahead } });
    const worker = open("ahead");
    const claiming = () => ({ result: "claimed", run: { status: "RUNNING" as const, queuedAt: null } });
    let found: Promise<unknown[]> | undefined;
    await creator.runStore.transact({ runId: "any", decide: () => ({ result: null }) });
    const listening = new Promise<void>((resolve) => {
      worker.runStore.onSignal(({ hasWork, ended }) => {
        // the first call says that it listens
        if (hasWork && ended) found = worker.runStore.claimRuns({ max: 1, workflowIds: [newRun.workflowId] }, claiming);
        resolve();
      });
    });
    await listening;
    ahead = 400;
    await creator.runStore.transact(changing("r", { create: newRun }));
    await expect.poll(() => found).toBeDefined();
    expect(await found).toEqual(["claimed"]);
  });
});

describe("a listener", () => {
  it("that throws does so on its own: what was written stands, and the others hear of it", async () => {
    const thrown: unknown[] = [];
    const defer = (run: () => void): void => {
      realEnvironment.defer(() => {
        try {
          run();
        } catch (error) {
          thrown.push(error);
        }
      });
    };
    const { runStore } = open("throwing", { environment: { ...realEnvironment, defer } });
    let heard = 0;
    runStore.onSignal(() => {
      throw new Error("mine");
    });
    runStore.onSignal(() => void heard++);
    expect(await runStore.transact(changing("r", { create: newRun }))).toBeNull();
    expect(heard).toBeGreaterThan(0);
    await expect.poll(() => thrown).toContainEqual(new Error("mine"));
  });

  it("of a store that is closed opens no connection", async () => {
    const store = open("closed");
    await store.migrate();
    await store.close();
    const [before] = await database.query(listeners);
    const other = open("closed");
    store.runStore.onSignal(() => undefined);
    // by then a connection of the closed store would be there, too
    const heard = new Promise<void>((resolve) => void other.runStore.onSignal(() => resolve()));
    await heard;
    const [after] = await database.query(listeners);
    expect(Number(after!["n"]) - Number(before!["n"])).toBe(1);
  });
});
