// What surrounds a run that is created inside the user's transaction on PostgreSQL: workers, which hear of it at the commit (P16); other
// units, which stay out; the user's connection, which is left as it was; and what is refused.
import pg from "pg";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { LoopingHost } from "../host/index.ts";
import { createRegistry } from "../kernel/registry.ts";
import type { StoreSignal } from "../ports/store.ts";
import type { TransactionClient } from "../ports/transaction.ts";
import { TransactionPooler } from "../testing/postgres.test-fixture.ts";
import type { PgPool } from "./drivers/postgres-client.ts";
import { createPostgresStore, type PostgresStoreOptions } from "./postgres.ts";
import { create, openPool, workflow } from "./transaction-clients.test-fixture.ts";

const database = await createTestDatabase();
await createPostgresStore({ connectionString: database.url, schema: "shared" }).migrate();
const registry = createRegistry([workflow]);
const closing: Array<{ close(): Promise<void> }> = [];
afterAll(async () => {
  await Promise.all(closing.map((each) => each.close()));
  await database.drop();
});

function open(options: PostgresStoreOptions = {}) {
  const store = createPostgresStore({ connectionString: database.url, schema: "shared", ...options });
  closing.push(store);
  return { store, kernel: createKernel({ ...store, registry }) };
}

/** A connection that has sent BEGIN; what is open on it at the end of the test is rolled back. */
async function begin(isolation = "READ COMMITTED", config: object = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url, ...config });
  await client.connect();
  await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
  onTestFinished(() => client.end());
  return client;
}

const statusOf = async (id: string) => (await database.query("SELECT status FROM shared.runs WHERE id = $1", [id]))[0]?.["status"];
const { store, kernel } = open();

describe("workers", () => {
  it("hear of a run at the commit and not before, in the same process and in others", async () => {
    const heard: Array<[string, StoreSignal]> = [];
    const [own, other] = [open().store, open().store];
    const listening = [["own", own] as const, ["other", other] as const].map(([name, { runStore }]) => {
      return new Promise<void>((resolve) => {
        runStore.onSignal((signal) => {
          // whoever begins to listen is told that anything may have happened
          if (signal.mayHaveLost) resolve();
          else if (signal.hasWork) heard.push([name, signal]);
        });
      });
    });
    await Promise.all(listening);
    const client = await begin();
    await createKernel({ ...own, registry }).dispatch(create("heard"), { transaction: client });
    // what is announced later comes later: had anything been said before the commit, it would be here
    const { workflowRunId } = await open().kernel.dispatch(create("heard before"));
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(2);
    await client.query("COMMIT");
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(4);
    expect(
      heard
        .slice(2)
        .map(([name]) => name)
        .sort(),
    ).toEqual(["other", "own"]);
    expect(await statusOf(workflowRunId)).toBe("PENDING");
  });

  it("run it to its end, without a tick", async () => {
    const options = { orchestrationIntervalMs: 600_000, handleSignals: false, workerId: "worker" };
    const host = new LoopingHost({ kernel: open().kernel, ...options });
    onTestFinished(() => host.stop());
    await host.start();
    const client = await begin();
    const { workflowRunId } = await kernel.dispatch(create("worked on"), { transaction: client });
    expect(await statusOf(workflowRunId)).toBeUndefined();
    await client.query("COMMIT");
    await expect.poll(() => statusOf(workflowRunId), { timeout: 10_000 }).toBe("COMPLETED");
  });
});

describe("other units", () => {
  it("stay out of the user's transaction, and commit beside it", async () => {
    const client = await begin();
    const inside: Promise<unknown>[] = [];
    const outside: Promise<{ workflowRunId: string }>[] = [];
    for (let i = 0; i < 50; i++) {
      inside.push(kernel.dispatch(create(`inside ${i}`), { transaction: client }));
      outside.push(kernel.dispatch(create(`outside ${i}`)));
    }
    const ids = (await Promise.all(outside)).map(({ workflowRunId }) => workflowRunId);
    await Promise.all(inside);
    await client.query("ROLLBACK");
    const [left] = await database.query(
      "SELECT (SELECT count(*)::int FROM shared.runs WHERE id = ANY($1)) AS outside, (SELECT count(*)::int FROM shared.keys WHERE key LIKE 'inside %') AS inside",
      [ids],
    );
    expect(left).toEqual({ outside: 50, inside: 0 });
  });

  it("with the same key wait for the commit and get its run", async () => {
    const client = await begin();
    const { workflowRunId } = await kernel.dispatch(create("same"), { transaction: client });
    const rival = open().kernel.dispatch(create("same"));
    await database.query("SELECT pg_sleep(0.1)");
    await client.query("COMMIT");
    expect((await rival).workflowRunId).toBe(workflowRunId);
  });
});

describe("inside", () => {
  it("a run may be cancelled, and is not when the user rolls back", async () => {
    const { workflowRunId } = await kernel.dispatch(create("to be cancelled"));
    for (const [end, status] of [
      ["ROLLBACK", "PENDING"],
      ["COMMIT", "CANCELLED"],
    ] as const) {
      const client = await begin();
      expect(await kernel.dispatch({ type: "run.cancel", workflowRunId }, { transaction: client })).toEqual({ cancelled: true });
      expect(await statusOf(workflowRunId)).toBe("PENDING");
      await client.query(end);
      expect(await statusOf(workflowRunId)).toBe(status);
    }
    const client = await begin();
    await kernel.dispatch({ type: "run.rerunFrom", workflowRunId, fromStageId: "a" }, { transaction: client });
    await client.query("COMMIT");
    expect(await statusOf(workflowRunId)).toBe("RUNNING");
  });

  it("a kernel of the transaction's own sees what nobody else does, and leaves no wake-up of what is rolled back", async () => {
    const client = await begin();
    const transaction = store.transaction(client);
    const own = createKernel({ ...transaction, registry });
    const startAt = new Date(Date.UTC(2100, 0));
    const { workflowRunId } = await own.dispatch({ ...create("own kernel"), startAt });
    expect(await transaction.persistence.getRun(workflowRunId)).toMatchObject({ status: "PENDING", input: {}, version: 1 });
    expect((await transaction.reader.getRunDetail(workflowRunId))?.run.id).toBe(workflowRunId);
    expect(await store.persistence.getRun(workflowRunId)).toBeNull();
    expect(await client.query("SELECT correlation_id FROM shared.timers")).toMatchObject({ rows: [{ correlation_id: workflowRunId }] });
    await client.query("ROLLBACK");
    await client.query("BEGIN");
    await kernel.dispatch({ ...create("at once"), startAt }, { transaction: client });
    await client.query("ROLLBACK");
    expect(await database.query("SELECT FROM shared.timers")).toEqual([]);
    expect(() => own.work.openSession({ workerId: "worker" })).toThrow(/inside a transaction/);
  });

  it("two at once come one after the other, and what one of them loses is its own", async () => {
    const client = await begin("READ COMMITTED", { pipeline: true });
    const commands = ["a", "b", "c"].map((key) => kernel.dispatch(create(`at once ${key}`, { key }), { transaction: client }));
    const refused = kernel.dispatch(create("at once a", { key: "other" }), { transaction: client });
    await expect(refused).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    const ids = (await Promise.all(commands)).map(({ workflowRunId }) => workflowRunId);
    await client.query("COMMIT");
    expect(await Promise.all(ids.map(statusOf))).toEqual(["PENDING", "PENDING", "PENDING"]);
  });
});

describe("the user's connection", () => {
  it("is left as it was: no setting, no prepared statement, no lock that outlives the transaction", async () => {
    const settings = "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'transaction_isolation' ORDER BY name";
    const client = await begin();
    const before = (await client.query(settings)).rows;
    await kernel.dispatch(create("settings", { text: "x".repeat(100_000) }), { transaction: client });
    expect((await client.query(settings)).rows).toEqual(before);
    expect((await client.query("SELECT name FROM pg_prepared_statements")).rows).toEqual([]);
    await client.query("COMMIT");
    expect((await client.query(settings)).rows).toEqual(before);
    expect((await client.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")).rows).toEqual([]);
  });

  it("is sent nothing but text, which every client knows to send", async () => {
    const client = await begin();
    const texts = new Set<string>();
    const query = async (text: string, params: unknown[]) => {
      if (params.length > 0) texts.add(text);
      return (await client.query(text, params)).rows;
    };
    await kernel.dispatch(create("text", { text: "x".repeat(100_000) }), { transaction: query });
    expect(texts.size).toBeGreaterThan(4);
    for (const text of texts) {
      await client.query(`PREPARE one AS ${text}`);
      const { rows } = await client.query("SELECT parameter_types::text[] AS sent FROM pg_prepared_statements");
      expect(new Set(rows[0].sent)).toEqual(new Set(["text"]));
      await client.query("DEALLOCATE one");
    }
  });

  it("may come from a pooler in transaction mode, and the store's own too", async () => {
    const pooler = await new TransactionPooler(database.url).open();
    closing.push({ close: () => pooler.end() });
    const pooled = open({ connectionString: undefined, pool: pooler as unknown as PgPool, notify: database.url });
    for (let i = 0; i < 10; i++) {
      const client = await pooler.connect();
      await client.query({ text: "BEGIN" });
      const created = await pooled.kernel.dispatch(create(`pooled ${i % 5}`), { transaction: client as unknown as TransactionClient });
      await client.query({ text: i % 2 === 0 ? "COMMIT" : "ROLLBACK" });
      client.release();
      expect(await statusOf(created.workflowRunId)).toBe(i % 2 === 0 || i >= 5 ? "PENDING" : undefined);
    }
  });

  it("is enough for a store that has not been used, where it is the pool's only one", async () => {
    const pool = openPool({ connectionString: database.url, max: 1 });
    const client = await pool.connect();
    await client.query("BEGIN");
    const only = open({ connectionString: undefined, pool: pool as unknown as PgPool, notify: false });
    const { workflowRunId } = await only.kernel.dispatch(create("cold"), { transaction: client });
    await client.query("COMMIT");
    client.release();
    expect(await statusOf(workflowRunId)).toBe("PENDING");
    closing.push({ close: () => pool.end() });
  });

  it("finds a schema that nobody has made yet", async () => {
    const fresh = open({ schema: "fresh" });
    const client = await begin();
    await fresh.kernel.dispatch(create("fresh"), { transaction: client });
    await client.query("COMMIT");
    expect(await database.query("SELECT count(*)::int AS n FROM fresh.runs")).toEqual([{ n: 1 }]);
  });
});
