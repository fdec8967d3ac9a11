// The floor on PostgreSQL is only a floor if it does the work: every row is there, each stage is committed before the next one starts, and
// two workers never take the same run.
import pg from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../tools/postgres/test-databases.ts";
import type { Starter, Worker } from "../postgres/halves.ts";
import { EndedCount } from "./ended-count.ts";
import { type Shape, threeStages } from "./engine.ts";
import { halves } from "./floor-postgres.ts";
import { FloorWriter } from "./floor-postgres-rows.ts";

const fan: Shape = { kind: "fan", stages: 20 };
const shapes = [threeStages, fan];
let database: TestDatabase;
let starter: Starter;
const workers: Worker[] = [];

beforeEach(async () => {
  database = await createTestDatabase();
  starter = await halves.openStarter({ url: database.url, shapes });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
  await starter.close();
  await database.drop();
});

async function hire(ended: EndedCount): Promise<Worker> {
  const told = (runs: number | readonly string[]) => ended.add(typeof runs === "number" ? runs : runs.length);
  const worker = await halves.openWorker({ url: database.url, shapes, ended: told });
  workers.push(worker);
  return worker;
}

/** One count that another connection reads. */
async function count(from: string): Promise<number> {
  return Number((await database.query(`SELECT count(*) FROM ${from}`))[0]?.["count"]);
}

it("writes a row a run, a stage and an event, with the outputs that the stages computed", async () => {
  const ended = new EndedCount();
  await Promise.all(Array.from({ length: 2_500 }, () => starter.start(threeStages)));
  expect(await count("runs WHERE status = 'PENDING'")).toBe(2_500);
  await (await hire(ended)).work();
  await starter.start(fan);
  await ended.reaches(2_501);
  expect(await starter.countCompleted()).toBe(2_501);
  expect(await count("stages")).toBe(2_500 * 3 + 20);
  expect(await count("events")).toBe(2_500 * 5 + 22);
  expect(await count("events WHERE type = 'run:completed'")).toBe(2_501);
  expect(await count("runs WHERE output::text = '{\"n\":3}'")).toBe(2_500);
  expect(await count("stages WHERE output::text = '{\"n\":1}'")).toBe(2_500 + 20);
});

it("commits each stage before the next one starts", async () => {
  const ended = new EndedCount();
  await (await hire(ended)).work();
  await starter.start(threeStages);
  await ended.reaches(1);
  // rows of one commit have one transaction id
  expect((await database.query("SELECT DISTINCT xmin FROM stages")).length).toBe(3);
});

it("gives every run to one of two workers, also those that are started while both sleep", async () => {
  const ended = new EndedCount();
  await Promise.all(Array.from({ length: 1_200 }, () => starter.start(threeStages)));
  const both = [await hire(ended), await hire(ended)];
  await Promise.all(both.map((worker) => worker.work()));
  await ended.reaches(1_200);
  await starter.start(threeStages);
  await ended.reaches(1_201);
  expect(await count("stages")).toBe(1_201 * 3);
  expect(await count("events WHERE type = 'run:completed'")).toBe(1_201);
});

it("passes by runs that another writer is taking", async () => {
  await Promise.all(Array.from({ length: 10 }, () => starter.start(threeStages)));
  const other = new pg.Client({ connectionString: database.url });
  await other.connect();
  await other.query("BEGIN; SELECT id FROM runs ORDER BY id LIMIT 4 FOR UPDATE");
  const writer = await FloorWriter.open(database.url);
  expect(await writer.write({ stages: [], ended: [], take: 10 })).toHaveLength(6);
  await other.query("ROLLBACK");
  expect(await writer.write({ stages: [], ended: [], take: 10 })).toHaveLength(4);
  await Promise.all([writer.close(), other.end()]);
}, 10_000);
