// A network that takes a commit to PostgreSQL and loses the answer: nobody knows whether it stands, so nobody but whoever asked for it
// does it again (P13, P18). Behind a proxy that swallows the answer to a message.
import { createServer, type Server, type Socket, connect as tcpConnect } from "node:net";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { createPostgresStore } from "./postgres.ts";
import { changing, newRun } from "./runs.test-fixture.ts";

const database = await createTestDatabase();
const closing: Array<() => unknown> = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  await database.drop();
});

/** A proxy before the database; the connection that sends `swallow.after` next is cut once the server has answered it. */
async function openProxy(): Promise<{ url: string; swallow: { after: string; count: number } }> {
  const target = new URL(database.url);
  const swallow = { after: "", count: 0 };
  const server: Server = createServer((client) => {
    const behind = tcpConnect(Number(target.port), target.hostname);
    let isCut = false;
    client.on("data", (sent) => {
      if (swallow.after !== "" && sent.includes(swallow.after)) {
        isCut = true;
        swallow.after = "";
        swallow.count += 1;
      }
      behind.write(sent);
    });
    behind.on("data", (answer) => (isCut ? client.destroy() : client.write(answer)));
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as Array<[Socket, Socket]>) {
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const url = new URL(database.url);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as { port: number }).port);
  return { url: url.href, swallow };
}

const line = (message: string) => ({ stageId: null, item: 0, level: "INFO" as const, message, metadata: null, at: 0 });

describe("a commit whose answer is lost", () => {
  it.each([
    ["sent alone", false, "insert_logs"],
    ["of a transaction", true, "COMMIT\0"],
  ])("%s is done once, and whoever asked for it is told that nobody knows", async (_, isPooled, after) => {
    const { url, swallow } = await openProxy();
    const schema = `lost_${isPooled}`;
    const pool = new pg.Pool({ connectionString: url }).on("error", () => undefined);
    closing.push(() => pool.end());
    const store = createPostgresStore({ ...(isPooled ? { pool } : { connectionString: url }), schema, notify: false });
    closing.push(() => store.close());
    const { runStore } = store;
    await runStore.transact(changing("r", { create: newRun }));
    const telling = (message: string) => runStore.transact(changing("r", { logs: [line(message)] }));
    await telling("before");
    swallow.after = after;
    const unknown = { code: "STORE_REFUSED", message: expect.stringContaining("not known") };
    await expect(telling("once")).rejects.toMatchObject(unknown);
    await telling("after");
    expect(swallow.count).toBe(1);
    const told = await database.query(`SELECT message FROM "${schema}".logs ORDER BY id`);
    expect(told.map(({ message }) => message)).toEqual(["before", "once", "after"]);
  });

  it("of a rule with a key is asked for again: the key has the first answer (P2)", async () => {
    const { url, swallow } = await openProxy();
    const store = createPostgresStore({ connectionString: url, schema: "keyed", notify: false });
    closing.push(() => store.close());
    const creating = (runId: string, name: string) => {
      const key = { key: name, commandType: "run.create", hash: "h", mode: "once" as const, resultOf: (id: string) => id };
      const decide = () => ({ result: runId, create: newRun, events: [{ type: "workflow:created" as const }] });
      return store.runStore.transact({ runId, isNew: true, decide, key: { ...key, replay: (id) => id as string } });
    };
    await creating("r1", "k1");
    swallow.after = "insert_runs";
    expect(await creating("r2", "k2")).toBe("r2");
    expect(await creating("r3", "k2")).toBe("r2");
    expect(swallow.count).toBe(1);
    expect(await database.query("SELECT run_id FROM keyed.outbox ORDER BY id")).toEqual([{ run_id: "r1" }, { run_id: "r2" }]);
  });

  it("before the commit was sent is nothing to speak of: it is done again", async () => {
    const { url, swallow } = await openProxy();
    const store = createPostgresStore({ connectionString: url, schema: "again", notify: false });
    closing.push(() => store.close());
    await store.runStore.transact(changing("r", { create: newRun }));
    swallow.after = "load_run_stages";
    const looking = {
      runId: "r",
      decide: ({ stages }: { stages?: unknown }) => (stages ? { result: 1 } : { result: 0, need: "stages" as const }),
    };
    expect(await store.runStore.transact(looking)).toBe(1);
    expect(swallow.count).toBe(1);
  });
});
