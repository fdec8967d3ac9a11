// The floor is only a floor if it does the work: every row is there for another connection, and survives a process that is killed.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Shape } from "./engine.ts";
import { floor } from "./floor.ts";

const three: Shape = { kind: "sequence", stages: 3 };
const fan: Shape = { kind: "fan", stages: 20 };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "floor-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** One value that another connection reads. */
function read(sql: string): unknown {
  const database = new DatabaseSync(path.join(folder, "floor.db"));
  try {
    return Object.values(database.prepare(sql).get() ?? {})[0];
  } finally {
    database.close();
  }
}

it("writes a row a run, a stage and an event, with the outputs that the stages computed", async () => {
  const bench = await floor.open({ folder, shapes: [three, fan], isCounting: false });
  await Promise.all(Array.from({ length: 2_500 }, () => bench.start(three)));
  expect(read("SELECT count(*) FROM runs WHERE status = 'PENDING'")).toBe(2_500);
  await bench.work();
  await bench.start(fan);
  await bench.ended(2_501);
  expect(read("SELECT count(*) FROM runs WHERE status = 'COMPLETED'")).toBe(2_501);
  expect(read("SELECT count(*) FROM stages")).toBe(2_500 * 3 + 20);
  expect(read("SELECT count(*) FROM events")).toBe(2_500 * 5 + 22);
  expect(read("SELECT count(*) FROM runs WHERE output = '{\"n\":3}'")).toBe(2_500);
  expect(read("SELECT count(*) FROM stages WHERE output = '{\"n\":1}'")).toBe(2_500 + 20);
  expect(await bench.countCompleted()).toBe(2_501);
  await bench.close();
});

it("commits with synchronous = FULL in WAL mode, and each stage before the next one starts", async () => {
  const pragmas: string[] = [];
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql) {
    pragmas.push(sql);
    return exec.call(this, sql);
  };
  const bench = await floor.open({ folder, shapes: [three], isCounting: false });
  await bench.work();
  pragmas.length = 0;
  await bench.start(three);
  await bench.ended(1);
  DatabaseSync.prototype.exec = exec;
  // the start and the take share a commit; then one for each stage
  expect(pragmas.filter((sql) => sql === "COMMIT")).toHaveLength(4);
  expect(read("PRAGMA journal_mode")).toBe("wal");
  await bench.close();
});

it("keeps what a killed process had started", () => {
  const script = `
    const { floor } = await import(${JSON.stringify(path.join(import.meta.dirname, "floor.ts"))});
    const three = { kind: "sequence", stages: 3 };
    const bench = await floor.open({ folder: ${JSON.stringify(folder)}, shapes: [three] });
    await Promise.all(Array.from({ length: 100 }, () => bench.start(three)));
    process.kill(process.pid, "SIGKILL");`;
  const { signal } = spawnSync(process.execPath, ["--input-type=module", "--eval", script]);
  expect(signal).toBe("SIGKILL");
  expect(read("SELECT count(*) FROM runs WHERE status = 'PENDING'")).toBe(100);
});
