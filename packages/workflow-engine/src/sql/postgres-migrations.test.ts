// A version of the schema is changed while two workers of the version before are at work in it, and a worker of the new one joins (P21).
import { afterAll, describe, expect, it } from "vitest";
import { recordFigure } from "../../../../tools/figures.ts";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { realEnvironment } from "../environment.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { createRegistry } from "../kernel/registry.ts";
import { type LoopHost, startHost } from "../testing/loop-host.ts";
import { chain, step } from "../testing/workflows.ts";
import { PostgresDb } from "./drivers/postgres.ts";
import { type Migration, migrations } from "./migrate.ts";
import { createPostgresStore } from "./postgres.ts";
import { isCurrent, prepareSchema, tablesOfAll } from "./prepare-schema.ts";
import { createSqlStore, type SqlStore } from "./whole-store.ts";

const runs = process.env["PROOF"] === "full" ? 4_000 : 400;
const migrators = 8;
const schema = 'o\'dd "Schema" 1';
const quoted = '"o\'dd ""Schema"" 1"';

/** What a later version may do: columns, an index, a table, and every row written anew. */
const next: Migration = {
  name: "9999-test",
  script: () => `ALTER TABLE stages ADD COLUMN region TEXT NOT NULL DEFAULT 'here';
    ALTER TABLE runs ADD COLUMN region TEXT;
    CREATE TABLE regions (name TEXT PRIMARY KEY);
    CREATE INDEX runs_region ON runs (region);
    UPDATE runs SET region = 'here';
    ALTER TABLE runs ALTER COLUMN region SET DEFAULT 'there', ALTER COLUMN region SET NOT NULL`,
};
const newer = [...migrations, next];

const siblings = ["b", "c", "d"];
const workflow = chain(
  "w",
  step("a", () => "a"),
  { stages: siblings.map((id) => step(id, () => id)) },
  step("e", () => "e"),
);
const stageCount = siblings.length + 2;

const database = await createTestDatabase();
const stores: SqlStore[] = [];
const hosts: LoopHost[] = [];
afterAll(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  await Promise.all(stores.map((store) => store.close()));
  await database.drop();
});

function openOld(): SqlStore {
  const store = createPostgresStore({ connectionString: database.url, schema });
  stores.push(store);
  return store;
}

/** A store of a package that has one version more. */
function openNew(): SqlStore {
  const place = { schema, all: newer, environment: realEnvironment };
  const prepare = (to: PostgresDb): Promise<void> => prepareSchema(to, place);
  const db = new PostgresDb({
    ...{ connectionString: database.url, schema, tables: tablesOfAll(newer), lanes: 3, notify: true, answerTimeoutMs: 15_000 },
    ...{ environment: realEnvironment, prepare, isPrepared: (session) => isCurrent(session, place) },
  });
  const store = createSqlStore(db, { ...realEnvironment, now: () => db.now() });
  stores.push(store);
  return { ...store, migrate: () => prepare(db) };
}

function startWorker(store: SqlStore, workerId: string): Kernel {
  const kernel = createKernel({ ...store, registry: createRegistry([workflow]) });
  hosts.push(startHost(kernel, { workerId }));
  return kernel;
}

async function counts(): Promise<Record<string, number>> {
  const [row] = await database.query(`SELECT
    (SELECT count(*) FROM ${quoted}.runs)::int AS created,
    (SELECT count(*) FROM ${quoted}.runs WHERE status = 'COMPLETED')::int AS completed,
    (SELECT count(*) FROM ${quoted}.runs WHERE status = 'RUNNING')::int AS running`);
  return row as Record<string, number>;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise<void>((resolve) => void realEnvironment.setTimer(50, resolve));
}

describe("a schema that changes under workers", () => {
  it(`P21: ${runs} runs end, each stage once, while ${migrators} processes of a newer version migrate`, { timeout: 170_000 }, async () => {
    const olds = [openOld(), openOld()];
    await olds[0]!.migrate();
    const kernels = olds.map((store, n) => startWorker(store, `old ${n}`));
    const create = (n: number) => kernels[n % 2]!.dispatch({ type: "run.create", idempotencyKey: `k${n}`, workflowId: "w", input: {} });
    const creating = Promise.all(Array.from({ length: runs / 2 }, (_, n) => create(n)));
    await until(async () => (await counts())["completed"]! > runs / 20);

    const newcomers = Array.from({ length: migrators }, openNew);
    const more = Promise.all(Array.from({ length: runs / 2 }, (_, n) => create(runs / 2 + n)));
    const before = await counts();
    await Promise.all(newcomers.map((store) => store.migrate()));
    const after = await counts();
    startWorker(newcomers[0]!, "new");
    await Promise.all([creating, more]);
    await until(async () => (await counts())["completed"] === runs);

    expect(before["completed"]).toBeLessThan(runs);
    const versions = await database.query(`SELECT name FROM ${quoted}.schema_migrations ORDER BY name`);
    expect(versions.map(({ name }) => name)).toEqual(newer.map(({ name }) => name));
    for (const host of hosts.splice(0)) {
      await host.stop();
      expect(host.errors).toEqual([]);
    }
    const [events] = await database.query(`SELECT count(*)::int AS n, count(DISTINCT (run_id, stage, type))::int AS different FROM (
      SELECT run_id, e->1->>'stageId' AS stage, e->>0 AS type FROM ${quoted}.outbox, jsonb_array_elements(events::jsonb) AS e) AS told`);
    const expected = runs * (2 * stageCount + 3);
    expect(events).toEqual({ n: expected, different: expected });
    const [stages] = await database.query(
      `SELECT count(*)::int AS n, max(attempt)::int AS attempts, count(region)::int AS regions FROM ${quoted}.stages WHERE status = 'COMPLETED'`,
    );
    expect(stages).toEqual({ n: runs * stageCount, attempts: 1, regions: runs * stageCount });
    recordFigure({
      ...{ promise: "P21", store: "postgres", claim: `runs that end, each stage once, while ${migrators} processes migrate` },
      figure: `${runs} of ${runs}; ${before["running"]} in flight before, ${after["created"]! - after["completed"]!} not ended right after`,
    });
  });
});
