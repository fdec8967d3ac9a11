// run.create inside a transaction of the user's own on SQLite, on the user's own connection to the store's file (P2).
import { createRequire } from "node:module";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it, onTestFinished } from "vitest";
import { createKernel } from "../defaults.ts";
import { LoopingHost } from "../host/index.ts";
import { createRegistry } from "../kernel/registry.ts";
import type { SqliteTransaction, TransactionClient } from "../ports/transaction.ts";
import { databasePath, openFile, openMemory } from "./runs.test-fixture.ts";
import { create, workflow } from "./transaction-clients.test-fixture.ts";

const BetterSqlite3: new (path: string) => Handle & { defaultSafeIntegers(): void } = createRequire(
  createRequire(import.meta.url).resolve("@prisma/adapter-better-sqlite3"),
)("better-sqlite3");

interface Handle extends SqliteTransaction {
  exec(text: string): unknown;
  prepare(text: string): { get(...params: unknown[]): unknown };
  close(): void;
}

/** Every connection that a user may have; what they answer numbers as must not matter. */
const clients: ReadonlyArray<readonly [string, (path: string) => { handle: Handle; client: TransactionClient }]> = [
  ["node:sqlite", (path) => same(new DatabaseSync(path) as unknown as Handle)],
  ["node:sqlite with bigint", (path) => same(new DatabaseSync(path, { readBigInts: true }) as unknown as Handle)],
  [
    "better-sqlite3",
    (path) => {
      const handle = new BetterSqlite3(path);
      handle.defaultSafeIntegers();
      return same(handle);
    },
  ],
  [
    "a function",
    (path) => {
      const handle = new DatabaseSync(path, { returnArrays: true });
      const client = (text: string, params: Array<string | number | null>) => handle.prepare(text).all(...params) as unknown[];
      return { handle: handle as unknown as Handle, client };
    },
  ],
];

function same(handle: Handle) {
  return { handle, client: handle };
}

const registry = createRegistry([workflow]);

function open(connect: (path: string) => { handle: Handle; client: TransactionClient }) {
  const path = databasePath();
  const store = openFile(path);
  const { handle, client } = connect(path);
  onTestFinished(() => handle.close());
  const count = (table: string): number => Number(Object.values(handle.prepare(`SELECT count(*) AS n FROM ${table}`).get() as object)[0]);
  return { path, store, handle, client, count, kernel: createKernel({ ...store, registry }) };
}

const large = { text: "x".repeat(100_000) };

describe.each(clients)("run.create inside a transaction of %s", (_, connect) => {
  it("is there at the commit, and not before", async () => {
    const { store, handle, client, kernel } = open(connect);
    await store.migrate();
    handle.exec("CREATE TABLE orders (id TEXT PRIMARY KEY)");
    handle.exec("BEGIN IMMEDIATE; INSERT INTO orders VALUES ('o')");
    const { workflowRunId } = await kernel.dispatch(create("k", large), { transaction: client });
    expect(await store.persistence.getRun(workflowRunId)).toBeNull();
    handle.exec("COMMIT");
    expect(await store.persistence.getRun(workflowRunId)).toMatchObject({ status: "PENDING" });
    expect(await kernel.dispatch(create("k", large))).toEqual({ workflowRunId, status: "PENDING" });
    handle.exec("BEGIN IMMEDIATE");
    const again = await kernel.dispatch(create("k", large), { transaction: client });
    expect(again.workflowRunId).toBe(workflowRunId);
    await expect(kernel.dispatch(create("k"), { transaction: client })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    await kernel.dispatch({ type: "run.cancel", workflowRunId }, { transaction: client });
    handle.exec("COMMIT");
    expect(await store.persistence.getRunStatus(workflowRunId)).toBe("CANCELLED");
  });

  it("leaves nothing when it rolls back, in a file that nobody has used before", async () => {
    const { store, handle, client, kernel, count } = open(connect);
    handle.exec("BEGIN IMMEDIATE");
    await kernel.dispatch(create("k", large), { transaction: client });
    expect(["runs", "keys", "outbox", "blobs"].map(count)).toEqual([1, 1, 1, 1]);
    handle.exec("ROLLBACK");
    expect(await store.reader.countRuns()).toEqual([]);
    expect(["runs", "keys", "outbox", "blobs"].map(count)).toEqual([0, 0, 0, 0]);
    handle.exec("BEGIN IMMEDIATE");
    await kernel.dispatch(create("k"), { transaction: client });
    handle.exec("COMMIT");
    expect(["runs", "keys", "outbox", "blobs"].map(count)).toEqual([1, 1, 1, 0]);
  });

  it("is refused where no transaction is open, and none is begun", async () => {
    const { store, client, kernel, handle } = open(connect);
    await store.migrate();
    const reason = { code: "NOT_CONFIGURED", message: expect.stringContaining("BEGIN IMMEDIATE comes first") };
    for (const input of [{}, large])
      await expect(kernel.dispatch(create("k", input), { transaction: client })).rejects.toMatchObject(reason);
    handle.exec("BEGIN IMMEDIATE; ROLLBACK");
    expect(await store.reader.countRuns()).toEqual([]);
  });
});

describe("a store on SQLite", () => {
  const connect = clients[0]![1];

  it("waits with its own units while the user's transaction is open, and loses none of them", async () => {
    const { handle, client, kernel, store } = open(connect);
    await store.migrate();
    handle.exec("BEGIN IMMEDIATE");
    const outside = Array.from({ length: 20 }, (_, i) => kernel.dispatch(create(`outside ${i}`)));
    const inside = Array.from({ length: 20 }, (_, i) => kernel.dispatch(create(`inside ${i}`), { transaction: client }));
    await Promise.all(inside);
    handle.exec("ROLLBACK");
    await Promise.all(outside);
    expect((await store.reader.listRuns({}, { limit: 100 })).items).toHaveLength(20);
  });

  it("has its worker go on with the run after the commit", async () => {
    const { handle, client, kernel, store } = open(connect);
    const host = new LoopingHost({ kernel, workerId: "worker", handleSignals: false, orchestrationIntervalMs: 600_000 });
    onTestFinished(() => host.stop());
    await host.start();
    handle.exec("BEGIN IMMEDIATE");
    const { workflowRunId } = await kernel.dispatch(create("k"), { transaction: client });
    handle.exec("COMMIT");
    await expect.poll(() => store.persistence.getRunStatus(workflowRunId), { timeout: 10_000 }).toBe("COMPLETED");
  });

  it("says what it takes", async () => {
    const { kernel } = open(connect);
    const reason = { code: "NOT_CONFIGURED", message: expect.stringContaining("DatabaseSync") };
    await expect(kernel.dispatch(create("k"), { transaction: { query: () => [] } })).rejects.toMatchObject(reason);
    const nowhere = new DatabaseSync(":memory:");
    const elsewhere = new DatabaseSync(databasePath());
    for (const handle of [nowhere, elsewhere]) {
      handle.exec("BEGIN");
      await expect(kernel.dispatch(create("k"), { transaction: handle })).rejects.toThrow(/must be on the same file/);
      expect(handle.prepare("SELECT name FROM sqlite_schema").all()).toEqual([]);
    }
    const memory = createKernel({ ...openMemory(), registry });
    await expect(memory.dispatch(create("k"), { transaction: nowhere })).rejects.toThrow(/:memory:/);
    for (const handle of [nowhere, elsewhere]) handle.close();
  });
});
