// The store on a real PostgreSQL: migrations from many at once, one key and many rivals, a unit the database refuses, readable errors.
import { readdirSync } from "node:fs";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { postgresDialect, type Statement } from "./dialect.ts";
import type { PgPool, PgQuery } from "./drivers/postgres-client.ts";
import { StatementTexts, tablesOf } from "./drivers/postgres-names.ts";
import { StatementTrain } from "./drivers/postgres-train.ts";
import { migrations } from "./migrate.ts";
import { createPostgresStore } from "./postgres.ts";
import { changing, ending, newRun, stageOf, starting } from "./runs.test-fixture.ts";

const database = await createTestDatabase();
const stores: Array<{ close(): Promise<void> }> = [];
let schemas = 0;
const open = (schema = `schema ${++schemas}"`) => {
  const store = createPostgresStore({ connectionString: database.url, schema });
  stores.push(store);
  return store;
};
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await database.drop();
});

describe("a store on PostgreSQL", () => {
  it("is migrated once, by however many come at once, in a schema of any name", async () => {
    const many = Array.from({ length: 6 }, () => open('it\'s "ours"'));
    await Promise.all(many.map((store) => store.migrate()));
    expect(await database.query(`SELECT count(*)::int AS n FROM "it's ""ours""".schema_migrations`)).toEqual([{ n: 1 }]);
  });

  it("has the indexes of its queues cleaned while the history is long", async () => {
    await open("vacuumed").migrate();
    const often = await database.query(
      `SELECT relname FROM pg_class WHERE relnamespace = 'vacuumed'::regnamespace
       AND reloptions @> '{autovacuum_vacuum_scale_factor=0.01,vacuum_index_cleanup=on}' ORDER BY 1`,
    );
    expect(often.map(({ relname }) => relname)).toEqual(["outbox", "runs", "stages"]);
  });

  it("counts right when two write to one run at once", async () => {
    const two = [open("shared"), open("shared")];
    await two[0]!.runStore.transact(changing("r", { create: newRun }));
    const adding = { runId: "r", decide: ({ run }: { run: { open: number } | null }) => ({ result: null, run: { open: run!.open + 1 } }) };
    await Promise.all(two.flatMap(({ runStore }) => Array.from({ length: 50 }, () => runStore.transact(adding))));
    expect(await two[1]!.runStore.transact({ runId: "r", decide: ({ run }) => ({ result: run!.open }) })).toBe(100);
  });

  it("fails alone what PostgreSQL refuses: of 500 units 499 succeed", async () => {
    const { runStore } = open();
    const ends = await Promise.allSettled(
      Array.from({ length: 500 }, (_, i) =>
        runStore.transact(changing(`r${i}`, { create: i === 250 ? { ...newRun, workflowName: "a\0b" } : newRun })),
      ),
    );
    const refused = ends.flatMap((end, i) => (end.status === "rejected" ? [[i, end.reason.code]] : []));
    expect(refused).toEqual([[250, "STORE_REFUSED"]]);
  });

  it("understands every statement", async () => {
    await open("statements").migrate();
    const tables = migrations.flatMap(({ script }) => tablesOf(script(postgresDialect)));
    const texts = new StatementTexts("statements", tables);
    const folder = new URL("./tables/", import.meta.url);
    const modules = await Promise.all(readdirSync(folder).map((file): Promise<object> => import(new URL(file, folder).href)));
    const isStatement = (value: unknown): value is Statement => typeof value === "object" && value !== null && "render" in value;
    const statements = modules.flatMap((module) => Object.values(module).filter(isStatement));
    expect(statements.length).toBeGreaterThan(60);
    for (const statement of statements) {
      await database.query(`PREPARE ${statement.name} AS ${texts.of(statement).text}`);
      await database.query(`PREPARE ${statement.name}_of_one AS ${texts.ofOne(statement).text}`);
    }
  });

  it("ends a stage on what it remembers: nothing is read, and nobody waits for an answer before the last", async () => {
    const { pool, sent } = listeningPool();
    const store = createPostgresStore({ pool, schema: "remembered", notify: false });
    stores.push(store);
    await store.runStore.transact(starting("r", ...["a", "b"].map((id) => stageOf("r", id, { readyAt: null }))));
    sent.length = 0;
    await store.runStore.transact(ending("r", "a"));
    const names = sent.map(({ name }) => name?.replace(/_[^_]*$/, "") ?? "");
    expect(names.filter((name) => /^[a-z_]+$/.test(name))).toEqual(["move_runs", "end_stages", "insert_outbox"]);
  });

  it("plans what it runs for one row a few times, and then no more", async () => {
    const { pool } = listeningPool(1);
    const store = createPostgresStore({ pool, schema: "planned", notify: false, lanes: 1 });
    stores.push(store);
    const often = 20;
    for (let i = 0; i < often; i++) {
      await store.runStore.transact(starting(`r${i}`, stageOf(`r${i}`, "a", { readyAt: null })));
      await store.runStore.transact(ending(`r${i}`, "a"));
    }
    // five plans for values of their own come before the one for any
    const text = `SELECT name, custom_plans::int FROM pg_prepared_statements WHERE generic_plans + custom_plans >= ${often} AND custom_plans > 5`;
    const client = await (pool as unknown as pg.Pool).connect();
    const always = (await client.query(text)).rows as Array<{ name: string }>;
    client.release();
    expect(always.map(({ name }) => name)).toEqual([]);
  });

  it("creates without a look, and looks after somebody came with a key again", async () => {
    const { pool, sent } = listeningPool();
    const store = createPostgresStore({ pool, schema: "new", notify: false });
    stores.push(store);
    const creating = (runId: string, key: string): Promise<string> => {
      const once = { key, commandType: "run.create", hash: "h", mode: "once" as const };
      const unit = { runId, isNew: true, decide: () => ({ result: runId, create: newRun }) };
      return store.runStore.transact({ ...unit, key: { ...once, resultOf: (id: string) => id, replay: (id) => id as string } });
    };
    await creating("r0", "k0");
    sent.length = 0;
    const asked = (): string[] => {
      const names = sent.splice(0).map(({ name }) => name?.replace(/_[^_]*$/, "") ?? "");
      return names.filter((name) => /^[a-z_]+$/.test(name));
    };
    expect(await creating("r1", "k1")).toBe("r1");
    expect(asked()).toEqual(["insert_runs", "insert_keys"]);
    expect(await creating("r2", "k1")).toBe("r1");
    expect(asked()).toEqual(["insert_runs", "insert_keys", "lock_runs", "load_keys"]);
    expect(await creating("r3", "k3")).toBe("r3");
    expect(asked()).toEqual(["lock_runs", "load_keys", "insert_runs", "insert_keys"]);
    expect(await database.query('SELECT id FROM "new".runs ORDER BY id')).toEqual([{ id: "r0" }, { id: "r1" }, { id: "r3" }]);
  });

  it("says what is wrong with an address, and never the password", async () => {
    for (const connectionString of ["mysql://me:secret@host/db", "postgres://me:/secret@host:port/db", "postgres://me:a:/b/secret@host"]) {
      const wrong = createPostgresStore({ connectionString });
      await expect(wrong.migrate()).rejects.toMatchObject({ code: "NOT_CONFIGURED", message: expect.not.stringContaining("secret") });
      await wrong.close();
    }
    const nobody = createPostgresStore({ connectionString: "postgres://me:secret@127.0.0.1:1/db" });
    const reason = { code: "STORE_REFUSED", message: expect.stringMatching(/127\.0\.0\.1:1\/db.*ECONNREFUSED/) };
    await expect(nobody.migrate()).rejects.toMatchObject(reason);
    await nobody.close();
  });
});

/** A pool, and what goes through it. */
function listeningPool(max = 10): { pool: PgPool; sent: PgQuery[] } {
  const sent: PgQuery[] = [];
  const pool = new pg.Pool({ connectionString: database.url, max });
  // dropping the database ends connections that are just ending
  pool.on("error", () => undefined);
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as (query: PgQuery | StatementTrain) => unknown;
    client.query = ((asked: PgQuery | StatementTrain) => {
      sent.push(...(asked instanceof StatementTrain ? asked.queries : [asked]));
      return query(asked);
    }) as typeof client.query;
  });
  stores.push({ close: () => pool.end() });
  return { pool: pool as unknown as PgPool, sent };
}
