// What a transaction of the user's own refuses on PostgreSQL, in words that help, without a row written.
import { createRequire } from "node:module";
import { drizzle } from "drizzle-orm/node-postgres";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { createRegistry } from "../kernel/registry.ts";
import { createMemoryStore } from "../memory/memory-store.ts";
import { generatedClient } from "../prisma/clients.test-fixture.ts";
import { smallestSchema } from "../prisma/schemas.test-fixture.ts";
import { createPostgresStore } from "./postgres.ts";
import { create, openPool, workflow } from "./transaction-clients.test-fixture.ts";

const database = await createTestDatabase();
const registry = createRegistry([workflow]);
const store = createPostgresStore({ connectionString: database.url });
await store.migrate();
const kernel = createKernel({ ...store, registry });
const pool = openPool({ connectionString: database.url, max: 5 });
const { PrismaPg } = createRequire(import.meta.url)("@prisma/adapter-pg");
const Client = await generatedClient(smallestSchema, "postgresql");
const large = { text: "x".repeat(100_000) };
afterAll(async () => {
  await pool.end();
  await store.close();
  await database.drop();
});

async function within<T>(work: (client: pg.PoolClient) => Promise<T>, isolation = "READ COMMITTED"): Promise<T> {
  const client = await pool.connect();
  await client.query(`BEGIN ISOLATION LEVEL ${isolation}`);
  try {
    return await work(client);
  } finally {
    await client.query("ROLLBACK");
    client.release();
  }
}

describe("a client on which no transaction is open", () => {
  const noTransaction = { code: "NOT_CONFIGURED", message: expect.stringContaining("BEGIN comes first") };

  it.each([
    ["a pool", async () => pool],
    ["a pool that pipelines", async () => openPool({ connectionString: database.url, max: 1, pipeline: true })],
    ["postgres.js itself", async () => postgres(database.url, { max: 1 })],
    ["Prisma itself", async () => new Client({ adapter: new PrismaPg({ connectionString: database.url, max: 1 }) })],
    ["Kysely itself", async () => new Kysely({ dialect: new PostgresDialect({ pool }) })],
    ["a function", async () => async (text: string, params: unknown[]) => (await pool.query(text, params)).rows],
  ])("is told so, and nothing is written: %s", async (_, connect) => {
    const client = await connect();
    for (const input of [{}, large])
      await expect(kernel.dispatch(create("none", input), { transaction: client })).rejects.toMatchObject(noTransaction);
    const counts =
      "SELECT (SELECT count(*)::int FROM workflow_engine.runs) AS runs, (SELECT count(*)::int FROM workflow_engine.blobs) AS blobs";
    expect(await database.query(counts)).toEqual([{ runs: 0, blobs: 0 }]);
    if ("end" in client && client !== pool) await client.end();
    if (client instanceof Client) await client.$disconnect();
  });

  it("is told what clients there are, where it is none of them", async () => {
    // Drizzle's database, in whose stead its transaction is meant, has no rollback
    for (const client of [drizzle(pool), {}, null, "BEGIN", new Date(0)] as never[]) {
      const reason = { code: "NOT_CONFIGURED", message: expect.stringContaining("Prisma, Drizzle or Kysely") };
      await expect(kernel.dispatch(create("none"), { transaction: client })).rejects.toMatchObject(reason);
    }
  });
});

describe("inside a transaction", () => {
  const runId = "r";
  it.each([
    { type: "run.claimPending", workerId: "w" },
    { type: "run.transition", workflowRunId: runId },
    { type: "run.delete", workflowRunId: runId },
    { type: "run.reapStuck", stuckThresholdMs: 1 },
    { type: "job.execute", workflowRunId: runId, workflowId: "w", stageId: "a" },
    { type: "stage.pollSuspended" },
    { type: "lease.reapStale", staleThresholdMs: 1 },
    { type: "outbox.flush" },
    { type: "plugin.replayDLQ" },
  ] as const)("$type is refused by name", async (command) => {
    const reason = { code: "INVALID_COMMAND", message: expect.stringContaining(`${command.type} cannot be a part of your transaction`) };
    await within(async (client) => {
      await expect(kernel.dispatch(command, { transaction: client })).rejects.toMatchObject(reason);
      const own = createKernel({ ...store.transaction(client), registry });
      await expect(own.dispatch(command)).rejects.toMatchObject(reason);
    });
  });

  it("what would call a platform's queue before the commit is refused by name", async () => {
    const jobTransport = { enqueueParallel: async () => [], resendAfterMs: 1_000 } as never;
    const queued = createKernel({ ...store, jobTransport, registry });
    await within(async (client) => {
      const { workflowRunId } = await queued.dispatch(create("queued"), { transaction: client });
      const rerun = { type: "run.rerunFrom", workflowRunId, fromStageId: "a" } as const;
      await expect(queued.dispatch(rerun, { transaction: client })).rejects.toThrow(/run.rerunFrom.*platform's queue/);
    });
  });

  it("a change that it cannot see is refused where its isolation says so, and it stays of use", async () => {
    for (const isolation of ["REPEATABLE READ", "SERIALIZABLE"]) {
      await within(async (client) => {
        await client.query("SELECT 1 FROM workflow_engine.keys");
        await kernel.dispatch(create(`unseen ${isolation}`));
        const reason = { code: "STORE_REFUSED", message: expect.stringMatching(`${isolation}.*run it again`) };
        const unseen = kernel.dispatch(create(`unseen ${isolation}`), { transaction: client });
        await expect(unseen).rejects.toMatchObject(reason);
        await kernel.dispatch(create(`seen ${isolation}`), { transaction: client });
      }, isolation);
    }
  });

  it("that has failed, what PostgreSQL says of it is passed on", async () => {
    await within(async (client) => {
      await expect(client.query("SELECT 1 / 0")).rejects.toThrow();
      const reason = { code: "STORE_REFUSED", message: expect.stringContaining("current transaction is aborted") };
      await expect(kernel.dispatch(create("aborted"), { transaction: client })).rejects.toMatchObject(reason);
    });
  });

  it("of another database, or of a store that is closed, nothing is done", async () => {
    const other = await createTestDatabase();
    const client = new pg.Client({ connectionString: other.url });
    await client.connect();
    await client.query("BEGIN");
    await expect(kernel.dispatch(create("other"), { transaction: client })).rejects.toThrow(/workflow_engine.* does not exist/);
    await client.end();
    await other.drop();
    const closed = createPostgresStore({ connectionString: database.url });
    await closed.close();
    const closedKernel = createKernel({ ...closed, registry });
    await within((tx) =>
      expect(closedKernel.dispatch(create("closed"), { transaction: tx })).rejects.toMatchObject({ code: "STORE_CLOSED" }),
    );
  });
});

describe("a kernel that is not on this store", () => {
  it("takes no transaction of it", async () => {
    const memory = createKernel({ ...createMemoryStore(), registry });
    const other = createPostgresStore({ connectionString: database.url, schema: "other" });
    await within(async (client) => {
      const reason = { code: "NOT_CONFIGURED", message: expect.stringContaining("in memory") };
      await expect(memory.dispatch(create("memory"), { transaction: client })).rejects.toMatchObject(reason);
      const theirs = { transaction: other.transaction(client) };
      await expect(kernel.dispatch(create("other"), theirs)).rejects.toThrow(/another store/);
      const { persistence, jobTransport } = store;
      const bare = createKernel({ persistence, jobTransport, registry });
      await expect(bare.dispatch(create("bare"), { transaction: client })).rejects.toThrow(/no transaction\(client\)/);
    });
    await other.close();
  });
});
