// run.create inside a transaction of the user's own on PostgreSQL: it commits or rolls back with the user's rows (P2), whoever the user's
// client is, and is known to nobody before.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createKernel } from "../defaults.ts";
import { createRegistry } from "../kernel/registry.ts";
import { createPostgresStore } from "./postgres.ts";
import { create, openUserClients, workflow } from "./transaction-clients.test-fixture.ts";

const database = await createTestDatabase();
const schema = 'it\'s "theirs"';
const name = '"it\'s ""theirs"""';
await database.query("CREATE TABLE orders (id text PRIMARY KEY)");
const clients = await openUserClients(database.url);
const store = createPostgresStore({ connectionString: database.url, schema });
const kernel = createKernel({ ...store, registry: createRegistry([workflow]) });

/** What everybody else sees of a key: its runs, events and keys, and the user's row of the same name. */
async function seen(key: string, runId = "none") {
  const [row] = await database.query(
    `SELECT (SELECT count(*)::int FROM ${name}.runs WHERE id = $2) AS runs, (SELECT count(*)::int FROM ${name}.outbox WHERE run_id = $2) AS events,
      (SELECT count(*)::int FROM ${name}.keys WHERE key = $1) AS keys, (SELECT count(*)::int FROM public.orders WHERE id = $1) AS orders,
      (SELECT count(*)::int FROM ${name}.blobs WHERE position($2 in key) > 0) AS blobs`,
    [key, runId],
  );
  return row;
}
const nothing = { runs: 0, events: 0, keys: 0, orders: 0, blobs: 0 };
const everything = { runs: 1, events: 1, keys: 1, orders: 1, blobs: 0 };
const changedMind = new Error("changed my mind");

beforeAll(() => store.migrate());
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await store.close();
  await database.drop();
});

describe.each(clients)("run.create inside a transaction of $name", (user) => {
  it("is there for everybody at the commit, and for nobody before", async () => {
    const key = `commit ${user.name}`;
    const runId = await user.transaction(async (tx) => {
      await tx.insert(key);
      const { workflowRunId } = await kernel.dispatch(create(key), { transaction: tx.client });
      expect(await seen(key, workflowRunId)).toEqual(nothing);
      return workflowRunId;
    });
    expect(await seen(key, runId)).toEqual(everything);
    // the same again, outside and inside, is the same run
    expect(await kernel.dispatch(create(key))).toEqual({ workflowRunId: runId, status: "PENDING" });
    const again = await user.transaction(({ client }) => kernel.dispatch(create(key), { transaction: client }));
    expect(again.workflowRunId).toBe(runId);
  });

  it("leaves nothing when it rolls back, and the key is free", async () => {
    const key = `rollback ${user.name}`;
    let runId = "";
    const refused = user.transaction(async (tx) => {
      const large = { text: "x".repeat(100_000) };
      runId = (await kernel.dispatch(create(key, large), { transaction: tx.client })).workflowRunId;
      await tx.insert(key);
      await tx.insert(key);
    });
    await expect(refused).rejects.toThrow();
    expect(await seen(key, runId)).toEqual(nothing);
    const another = await user.transaction(async ({ client }) => kernel.dispatch(create(key, { other: true }), { transaction: client }));
    expect(another.workflowRunId).not.toBe(runId);
  });

  it("keeps a large input in rows of the same transaction", async () => {
    const key = `large ${user.name}`;
    const large = { text: "\u{1f600}\\\"'".repeat(20_000) };
    const { workflowRunId } = await user.transaction(async (tx) => {
      await tx.insert(key);
      return kernel.dispatch(create(key, large), { transaction: tx.client });
    });
    expect(await seen(key, workflowRunId)).toEqual({ ...everything, blobs: 1 });
    const [blob] = await store.blobStore.list("");
    expect(blob).toBeDefined();
    const payloads = await store.runStore.loadPayloads(workflowRunId);
    const { $blob } = JSON.parse(payloads!.input) as { $blob: string };
    expect(await store.blobStore.get($blob)).toEqual(large);
  });

  it("lets of two rivals one wait, and answers it the other's run", async () => {
    const key = `rivals ${user.name}`;
    const isCreated = Promise.withResolvers<string>();
    const mayCommit = Promise.withResolvers<void>();
    const first = user.transaction(async ({ client }) => {
      isCreated.resolve((await kernel.dispatch(create(key), { transaction: client })).workflowRunId);
      await mayCommit.promise;
    });
    const runId = await isCreated.promise;
    const second = user.transaction(async ({ client, insert }) => {
      const created = await kernel.dispatch(create(key, {}), { transaction: client });
      // the transaction is of use after what was undone in it
      await insert(key);
      return created.workflowRunId;
    });
    await database.query("SELECT pg_sleep(0.2)");
    expect(await seen(key, runId)).toEqual(nothing);
    mayCommit.resolve();
    await first;
    expect(await second).toBe(runId);
    expect(await seen(key, runId)).toEqual(everything);
  });

  it("refuses what is wrong with the command and leaves the transaction of use", async () => {
    const key = `wrong ${user.name}`;
    const created = await user.transaction(async ({ client, insert }) => {
      const unknown = kernel.dispatch({ ...create(key), workflowId: "nobody's" }, { transaction: client });
      await expect(unknown).rejects.toMatchObject({ code: "WORKFLOW_NOT_FOUND" });
      const nul = kernel.dispatch(create(key, { text: "a" }), { transaction: client });
      const other = kernel.dispatch(create(key, { text: "b" }), { transaction: client });
      await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      await insert(key);
      return nul;
    });
    expect(await seen(key, created.workflowRunId)).toEqual(everything);
    await expect(
      user.transaction(async ({ client }) => {
        await kernel.dispatch(create(`${key} 2`), { transaction: client });
        throw changedMind;
      }),
    ).rejects.toBe(changedMind);
    expect(await seen(`${key} 2`)).toEqual(nothing);
  });
});
