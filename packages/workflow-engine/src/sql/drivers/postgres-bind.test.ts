// Bind messages on a real connection: what PostgreSQL reads is what was given, and the same that clients give it that take no bytes.
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { createTestDatabase } from "../../../../../tools/postgres/test-databases.ts";
import type { Row } from "../db.ts";
import type { Columns } from "../dialect.ts";
import { StatementTrain, type TrainClient } from "./postgres-train.ts";
import { arraysOf } from "./postgres-values.ts";

const database = await createTestDatabase();
const client = new pg.Client(database.url);
await client.connect();
afterAll(async () => {
  await client.end();
  await database.drop();
});

const columns = { id: "text", n: "int", x: "real", at: "instant" } as const satisfies Columns;
const text = "SELECT u.*, $4::bigint FROM unnest($1::text[], $2::bigint[], $3::float8[]) AS u(id, n, x)";
const rowsOf = (...values: Array<Row[number]>): Row[] => values.map((n, i) => [`r${i}`, n, null, 1_763_730_000_000]);

async function read(...binds: Row[][]): Promise<unknown[]> {
  const train = new StatementTrain(
    binds.map((rows) => ({ name: "read", text, many: { columns, rows } })),
    10_000,
  );
  (client as unknown as TrainClient).query(train);
  return (await train.done).map(({ rows }) => rows);
}

describe("a bind message", () => {
  it("holds texts of every kind and length, and nulls", async () => {
    const texts = ["", "NULL", "a,b", 'a"b\\c', "{}", "\n\t\u0001", "naïve ☃ 😀", "é".repeat(64), "é".repeat(65), "x".repeat(300_000)];
    const rows: Row[] = [...texts, null].map((id) => [id, null, null, 1]);
    expect(await read(rows)).toEqual([rows]);
    const literals = await client.query({ text, values: arraysOf({ columns, rows }), rowMode: "array" });
    expect(literals.rows.map(([id]) => id)).toEqual([...texts, null]);
  });

  it("holds whole numbers of 64 bits, rounds others, and takes what is infinite for the greatest", async () => {
    const whole = [0, -1, 1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53 - 1), 1_763_730_000_000];
    expect(await read(rowsOf(...whole))).toEqual([rowsOf(...whole)]);
    expect(await read(rowsOf("12", 1.6, 2 ** 60, Number.POSITIVE_INFINITY))).toEqual([rowsOf(12, 2, 2 ** 60, 2 ** 63)]);
  });

  it("leaves it to PostgreSQL to refuse what is no number of 64 bits, and goes on", async () => {
    for (const wrong of [1e300, 2 ** 63, "1.23e+30", "x"]) {
      await expect(read(rowsOf(1, wrong))).rejects.toMatchObject({ code: "22P03" });
    }
    expect(await read(rowsOf(1))).toEqual([rowsOf(1)]);
  });

  it("holds numbers that are not whole, and one instant for all rows", async () => {
    const rows: Row[] = [0.1, -1e300, 5].map((x) => ["r", 1, x, 7]);
    expect(await read(rows)).toEqual([rows]);
  });

  it("stands beside many others of its train", async () => {
    const binds = Array.from({ length: 20 }, (_, i) => rowsOf(...Array.from({ length: 500 }, (_, k) => i * 1000 + k)));
    expect(await read(...binds)).toEqual(binds);
    expect(await read(...binds.slice(0, 3))).toEqual(binds.slice(0, 3));
  });
});
