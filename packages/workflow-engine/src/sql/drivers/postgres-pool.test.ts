// Where connections come from: what an address or a pool of the caller's own says must neither be lost nor take the place of what is ours.
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../../tools/postgres/test-databases.ts";
import { createPostgresStore } from "../postgres.ts";
import { PostgresPool } from "./postgres-pool.ts";

const database = await createTestDatabase();
afterAll(() => database.drop());
const rest = { size: 2, answerTimeoutMs: 15_000 };

describe("connections", () => {
  it("have pinned plans and an end to idling, also where the address has options of its own, which stay", async () => {
    const withOptions = new URL(database.url);
    withOptions.searchParams.set("options", "-c statement_timeout=54321");
    for (const [connectionString, timeout] of [
      [database.url, "0"],
      [withOptions.href, "54321ms"],
    ] as const) {
      const pool = new PostgresPool({ connectionString, ...rest });
      const client = await pool.connect();
      const settings = ["enable_seqscan", "idle_in_transaction_session_timeout", "statement_timeout"];
      for (const text of ["BEGIN", ...pool.settings]) await client.query({ text });
      const values = settings.map((name) => `current_setting('${name}')`);
      const { rows } = await client.query({ text: `SELECT ${values.join(", ")}`, rowMode: "array" });
      expect(rows).toEqual([["off", "10s", timeout]]);
      await client.query({ text: "ROLLBACK" });
      pool.release(client);
      await pool.end();
    }
  });

  it("that listen have the password of the caller's pool, which hides it", async () => {
    const { hostname, port, username, pathname } = new URL(database.url);
    const theirs = new pg.Pool({ host: hostname, port: Number(port), user: username, database: pathname.slice(1), password: "secret" });
    expect(Object.keys(theirs.options)).not.toContain("password");
    const listener = await new PostgresPool({ pool: theirs, ...rest }).createListener();
    expect(listener).toMatchObject({ host: hostname, database: pathname.slice(1), password: "secret" });
    const store = createPostgresStore({ pool: theirs });
    await store.migrate();
    await store.close();
    await theirs.end();
  });
});
