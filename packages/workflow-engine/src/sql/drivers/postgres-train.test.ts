// Trains on a real connection: one transaction each, answers by statement, and what is prepared is known again after an error.
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../../tools/postgres/test-databases.ts";
import type { PgQuery, PgResult } from "./postgres-client.ts";
import { StatementTrain, type TrainClient } from "./postgres-train.ts";

const database = await createTestDatabase();
const client = new pg.Client(database.url);
await client.connect();
await client.query("CREATE TABLE t (id int PRIMARY KEY, name text)");
afterAll(async () => {
  await client.end();
  await database.drop();
});

const insert = (id: number): PgQuery => ({ name: "insert", text: "INSERT INTO t VALUES ($1, $2)", values: [String(id), null] });
const select: PgQuery = { name: "select", text: "SELECT id, name, id / 2.0 FROM t ORDER BY id" };
const send = (...queries: PgQuery[]): Promise<PgResult[]> => {
  const train = new StatementTrain(queries, 10_000);
  (client as unknown as TrainClient).query(train);
  return train.done;
};

describe("a train of statements", () => {
  it("answers each: rows by position with numbers as numbers, how many changed, and what it was", async () => {
    for (const first of [1, 3]) {
      const answers = await send(insert(first), insert(first + 1), select, { text: "DELETE FROM t" });
      expect(answers.map(({ command, rowCount }) => [command, rowCount])).toEqual([
        ["INSERT", 1],
        ["INSERT", 1],
        ["SELECT", 2],
        ["DELETE", 2],
      ]);
      expect(answers[2]!.rows).toEqual([
        [first, null, first / 2],
        [first + 1, null, (first + 1) / 2],
      ]);
    }
  });

  it("is one transaction, and after an error the same statements can be sent again", async () => {
    const failing: PgQuery = { name: "failing", text: "SELECT 1 / $1::int", values: ["0"] };
    const behind: PgQuery = { name: "behind", text: "SELECT 'b' AS b" };
    await expect(send(insert(1), failing, behind)).rejects.toMatchObject({ code: "22012" });
    expect((await send(select))[0]!.rows).toEqual([]);
    const again = await send(insert(1), { ...failing, values: ["1"] }, behind);
    expect(again.map(({ rows }) => rows)).toEqual([[], [[1]], [["b"]]]);
    await expect(send({ text: "SELEC 1" })).rejects.toMatchObject({ code: "42601" });
    expect((await send(select))[0]!.rows).toEqual([[1, null, 0.5]]);
  });

  it("ends when its connection does, or takes too long", async () => {
    const slow = new pg.Client(database.url);
    slow.on("error", () => undefined);
    await slow.connect();
    const train = new StatementTrain([{ text: "SELECT pg_sleep(60)" }], 50);
    (slow as unknown as TrainClient).query(train);
    await expect(train.done).rejects.toThrow("Query read timeout");
    const last = new StatementTrain([{ text: "SELECT 1" }], 10_000);
    (slow as unknown as TrainClient).query(last);
    (slow as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await expect(last.done).rejects.toThrow(/Connection terminated/);
  });
});
