// What is told of a server is what it did: statements, commits that wrote, bytes of its log, CPU of its processes.
import { expect, it } from "vitest";
import { startPostgres } from "../../../tools/postgres/server.ts";
import { createTestDatabase } from "../../../tools/postgres/test-databases.ts";
import { openCounts, serverCpu } from "./server-usage.ts";

it("counts statements, commits of transactions that wrote, and bytes of the log", async () => {
  const server = await startPostgres({ isDurable: true, settings: ["shared_preload_libraries=pg_stat_statements", "autovacuum=off"] });
  const database = await createTestDatabase(server.url);
  const counts = await openCounts(database.url);
  await database.query("CREATE TABLE t (n int)");
  const before = await counts.read();
  for (let n = 0; n < 30; n++) await database.query("INSERT INTO t VALUES ($1)", [n]);
  for (let n = 0; n < 70; n++) await database.query("SELECT 1");
  const after = await counts.read();
  expect(after["commits"]! - before["commits"]!).toBe(30);
  expect(after["statements"]! - before["statements"]!).toBe(100);
  expect(after["WAL bytes"]! - before["WAL bytes"]!).toBeGreaterThan(30 * 50);
  await counts.close();
  await server.stop();
});

it("leaves out the statements of a server that does not load the extension", async () => {
  const database = await createTestDatabase();
  const counts = await openCounts(database.url);
  expect(Object.keys(await counts.read())).toEqual(["commits", "WAL bytes"]);
  await counts.close();
  await database.drop();
});

it.runIf(process.platform === "linux")("tells the CPU of a process and of its children, none of a process that is gone", () => {
  const spent = serverCpu(process.pid)["PostgreSQL CPU us"]!;
  expect(spent).toBeGreaterThan(0);
  expect(serverCpu(2 ** 22 + 1)).toEqual({ "PostgreSQL CPU us": 0 });
});
