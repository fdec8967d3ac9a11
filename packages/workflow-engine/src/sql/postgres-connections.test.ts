// Connections that have become another's: behind a pooler that forgets what was prepared, or to a server that takes no writes any more. A
// call may fail for it; those after it find connections that are of use.
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createPostgresStore } from "./postgres.ts";
import { changing, newRun } from "./runs.test-fixture.ts";

const database = await createTestDatabase();
const closing: Array<() => unknown> = [];
const open = (options: { schema: string; pool?: pg.Pool }) => {
  const address = options.pool ? {} : { connectionString: database.url };
  const store = createPostgresStore({ ...address, ...options, notify: false });
  closing.push(() => store.close());
  return store;
};
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await database.drop();
});

describe("a store", () => {
  it("that is closed has done what was asked of it before, however many waited for a connection", async () => {
    const { persistence, close, migrate } = open({ schema: "closing" });
    await migrate();
    const using = () => persistence.withTransaction(async (tx) => [await tx.getRun("r"), await tx.getRun("r")]);
    const calls = Array.from({ length: 60 }, using);
    await calls[0];
    await close();
    expect(await Promise.all(calls)).toHaveLength(60);
    await expect(using()).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });

  it("takes a schema whose name PostgreSQL keeps whole, and no other", async () => {
    for (const schema of ["", "a\0b", "x".repeat(64), "\u904b".repeat(22)]) {
      expect(() => createPostgresStore({ connectionString: database.url, schema })).toThrow(/schema is a name of 1 to 63 bytes/);
    }
    for (const schema of ["x".repeat(63), "\u904b".repeat(21)]) for (let i = 0; i < 2; i++) await open({ schema }).migrate();
  });
});

describe("a connection", () => {
  it.each([false, true])(
    "that has forgotten what was prepared fails one call, also one whose error is another's (writing: %s)",
    async (isWriting) => {
      const pool = new pg.Pool({ connectionString: database.url, max: 1 }).on("error", () => undefined);
      closing.push(() => pool.end());
      const { persistence } = open({ schema: `forgetting_${isWriting}`, pool });
      await persistence.createRun({ id: "r", workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
      const using = () => {
        return persistence.withTransaction(async (tx) => (isWriting ? tx.updateRun("r", { totalTokens: 1 }) : void (await tx.getRun("r"))));
      };
      await using();
      await pool.query("DEALLOCATE ALL");
      await expect(using()).rejects.toMatchObject({ code: "STORE_REFUSED", message: expect.stringContaining("does not exist") });
      await using();
    },
  );

  it("that has forgotten what was prepared fails no reading", async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 }).on("error", () => undefined);
    closing.push(() => pool.end());
    const { runStore } = open({ schema: "reading", pool });
    await runStore.transact(changing("r", { create: newRun }));
    const read = () => runStore.loadPayloads("r");
    await read();
    await pool.query("DEALLOCATE ALL");
    expect(await read()).toMatchObject({ config: newRun.config });
  });

  it("to a server that takes no writes any more is replaced, and so are those made before", async () => {
    await open({ schema: "standby" }).migrate();
    const name = new URL(database.url).pathname.slice(1);
    const writable = async (setting: string): Promise<void> => {
      const admin = new pg.Client({ connectionString: database.url, options: "-c default_transaction_read_only=off" });
      await admin.connect();
      await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = ${setting}`);
      await admin.end();
    };
    await writable("on");
    const { runStore, persistence } = open({ schema: "standby" });
    const create = (id: string) => runStore.transact(changing(id, { create: newRun }));
    await Promise.all([1, 2, 3, 4].map(() => persistence.getRun("r")));
    const refused = { code: "STORE_REFUSED", message: expect.stringContaining("takes no writes") };
    await expect(create("r1")).rejects.toMatchObject(refused);
    await writable("off");
    await create("r1").catch(() => undefined);
    await Promise.all(["r2", "r3", "r4", "r5"].map(create));
    expect(await database.query("SELECT count(*)::int AS n FROM standby.runs WHERE id <> 'r1'")).toEqual([{ n: 4 }]);
  });
});
