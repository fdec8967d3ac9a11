// Connections that end with statements on their way, or while they open: whoever asked is told, and nobody else. A rejection that nobody
// waits for would end the process.
import { createServer, type Socket } from "node:net";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../tools/postgres/test-databases.ts";
import { realEnvironment } from "../environment.ts";
import { TransactionPooler } from "../testing/postgres.test-fixture.ts";
import type { PgPool } from "./drivers/postgres-client.ts";
import { createPostgresStore, type PostgresStore } from "./postgres.ts";
import { changing, instance, newRun } from "./runs.test-fixture.ts";

const database = await createTestDatabase();
const unheard: unknown[] = [];
const hear = (error: unknown): void => void unheard.push(error);
const events = ["unhandledRejection", "uncaughtException"] as const;
for (const event of events) process.on(event, hear);
afterAll(async () => {
  for (const event of events) process.off(event, hear);
  await database.drop();
});

/** Rejections are unheard when a turn of the event loop is over. */
async function expectAllHeard(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise<void>((resolve) => realEnvironment.defer(resolve));
  expect(unheard).toEqual([]);
}

const workflowIds = ["w"];
let runs = 0;

/** What asks before it runs, in one batch. */
function askTwo({ runStore }: PostgresStore): Promise<unknown>[] {
  return [runStore.claimRuns({ max: 2, workflowIds }, () => ({ result: null })), runStore.takeJobs({ instance, max: 2, workflowIds })];
}

/** Everything that travels together, and more of it than there are connections. */
function askMuch(store: PostgresStore): Promise<unknown>[] {
  const { runStore, persistence } = store;
  return Array.from({ length: 12 }, (_, i) => [
    ...askTwo(store),
    runStore.transact(changing(`r${runs++}`, { create: newRun })),
    runStore.loadPayloads(`r${i}`),
    runStore.nextWakeAt(),
    persistence.withTransaction(async (tx) => Promise.all([tx.getRun("r0"), tx.getRunStatus("r1"), tx.getStagesByRun("r2")])),
  ]).flat();
}

const isOfServer = "datname = current_database() AND pid <> pg_backend_pid()";
const ways = {
  "the server ends": () => database.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${isOfServer}`),
  "their caller ends": (clients: ReadonlySet<pg.Client>) => Promise.all([...clients].map((client) => client.end())),
};

describe("connections that end with statements on their way", () => {
  it.each((Object.keys(ways) as Array<keyof typeof ways>).flatMap((way) => [false, true].map((pipeline) => ({ way, pipeline }))))(
    "$way: whoever asked is told, and nobody else (pipeline: $pipeline)",
    async ({ way, pipeline }) => {
      const config = { connectionString: database.url, max: 6, pipeline };
      const pool = new pg.Pool(config as pg.PoolConfig).on("error", () => undefined);
      const clients = new Set<pg.Client>();
      pool.on("connect", (client) => clients.add(client as unknown as pg.Client));
      pool.on("remove", (client) => clients.delete(client as unknown as pg.Client));
      const store = createPostgresStore({ pool: pool as unknown as PgPool, schema: "broken" });
      store.runStore.onSignal(() => undefined);
      await store.migrate();
      await Promise.all(askMuch(store));
      for (let round = 0; round < 5; round++) {
        const asked = askMuch(store);
        const told = Promise.allSettled(asked);
        for (let turns = 0; turns < round * 4; turns++) await new Promise<void>((resolve) => realEnvironment.defer(resolve));
        await ways[way](clients);
        await told;
        await expectAllHeard();
      }
      await Promise.all(askMuch(store));
      await store.close();
      await pool.end();
      await expectAllHeard();
    },
  );

  it("fail a claim and a take that asked together, each of which is tried again", async () => {
    let isEnding = false;
    const pool = new pg.Pool({ connectionString: database.url, max: 6 }).on("error", () => undefined);
    pool.on("connect", (client) => {
      const { query } = client;
      client.query = ((...args: Parameters<typeof query>) => {
        const answer = query.apply(client, args);
        if (isEnding) void client.end();
        isEnding = false;
        return answer;
      }) as typeof query;
    });
    const store = createPostgresStore({ pool: pool as unknown as PgPool, schema: "together", notify: false });
    await store.migrate();
    await Promise.all(askTwo(store));
    isEnding = true;
    expect(await Promise.all(askTwo(store))).toEqual([[], []]);
    expect(isEnding).toBe(false);
    await store.close();
    await pool.end();
    await expectAllHeard();
  });

  it("of a pooler: it ends once it has taken back what was lent", async () => {
    for (let round = 0; round < 5; round++) {
      const pooler = await new TransactionPooler(database.url).open();
      for (let i = 0; i < 4; i++) (await pooler.connect()).release();
      await pooler.end();
      await expectAllHeard();
    }
  });
});

/** AuthenticationOk, ReadyForQuery, and the end of the session: https://www.postgresql.org/docs/18/protocol-message-formats.html */
const welcomeAndGoodbye = Buffer.concat([
  Buffer.from("R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", "latin1"),
  message("E", "SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"),
]);

function message(type: string, body: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(4 + body.length);
  return Buffer.concat([Buffer.from(type), length, Buffer.from(body, "latin1")]);
}

describe("a store that is closed while its connections open", () => {
  const servers: Record<string, (socket: Socket) => void> = {
    "answers nothing": () => undefined,
    "hangs up": (socket) => void realEnvironment.setTimer(20, () => socket.destroy()),
    "takes leave in the packet that says welcome": (socket) => socket.once("data", () => socket.end(welcomeAndGoodbye)),
  };
  const cases = Object.keys(servers).flatMap((how) => [false, true].map((isTheirs) => ({ how, isTheirs })));

  it.each(cases)("tells whoever asked, where the server $how (a pool of the caller's: $isTheirs)", async ({ how, isTheirs }) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => undefined));
      servers[how]!(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const connectionString = `postgres://u:p@127.0.0.1:${port}/d`;
    const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 300 }).on("error", () => undefined);
    const address = isTheirs ? { pool: pool as unknown as PgPool } : { connectionString };
    const store = createPostgresStore({ ...address, answerTimeoutMs: 300 });
    const stop = store.runStore.onSignal(() => undefined);
    const told = Promise.allSettled(askMuch(store));
    while (sockets.size < 2) await new Promise<void>((resolve) => realEnvironment.defer(resolve));
    stop();
    await store.close();
    expect((await told).map(({ status }) => status)).not.toContain("fulfilled");
    await pool.end();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await expectAllHeard();
  });
});
