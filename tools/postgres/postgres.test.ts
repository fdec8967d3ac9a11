// The PostgreSQL of the tests: one a run, databases of one's own on it, and nothing left of it when its owner is gone.
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import pg from "pg";
import { afterAll, describe, expect, it } from "vitest";
import { startPostgres } from "./server.ts";
import { createTestDatabase } from "./test-databases.ts";

const databases = await Promise.all([createTestDatabase(), createTestDatabase()]);
afterAll(() => Promise.all(databases.map((database) => database.drop())));

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`) || !existsSync("/proc");

describe("the databases of tests", () => {
  it("share a server and nothing else", async () => {
    await databases[0]!.query("CREATE TABLE mine (id int)");
    await expect(databases[1]!.query("SELECT * FROM mine")).rejects.toThrow(/does not exist/);
    expect(await databases[0]!.query("SELECT $1::int AS n", [3])).toEqual([{ n: 3 }]);
  });

  it("are dropped when who is leaving has left, and under whoever stays", async () => {
    const { url, query, drop } = await createTestDatabase();
    const [leaving, staying] = [new pg.Client(url), new pg.Client(url)];
    const heard: string[] = [];
    for (const [name, client] of Object.entries({ leaving, staying })) {
      client.on("error", () => heard.push(name));
      await client.connect();
    }
    // as a pool leaves: it has ended before its connections have
    const left = sleep(200).then(() => leaving.end());
    await drop();
    await left;
    expect([...new Set(heard)]).toEqual(["staying"]);
    await expect(query("SELECT 1")).rejects.toThrow(/does not exist/);
  });
});

describe.runIf(process.platform === "linux" && !process.env["DATABASE_URL"])("a server of one's own", () => {
  it("keeps what was committed through a crash, and goes without a trace", async () => {
    const server = await startPostgres({ isDurable: true });
    const database = await createTestDatabase(server.url);
    await database.query("CREATE TABLE kept AS SELECT 7 AS n");
    const { pid } = server;
    await server.crash();
    await expect(database.query("SELECT 1")).rejects.toThrow();
    await server.start();
    expect(server.pid).not.toBe(pid);
    expect(await database.query("SELECT n FROM kept")).toEqual([{ n: 7 }]);
    await server.stop();
    expect(isAlive(server.pid)).toBe(false);
  });

  it("ends with its owner, also one that is killed", async () => {
    const entry = pathToFileURL(path.join(import.meta.dirname, "server.ts")).href;
    const script = `const { startPostgres } = await import(${JSON.stringify(entry)});
      const server = await startPostgres(); console.log(server.pid); setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const pid = Number(await new Promise<string>((resolve) => owner.stdout.setEncoding("utf8").once("data", resolve)));
    expect(isAlive(pid)).toBe(true);
    const folder = clusterOf(pid);
    owner.kill("SIGKILL");
    while (isAlive(pid) || existsSync(folder)) await sleep(20);
  });
});

/** The folder of the server with this process id. */
function clusterOf(pid: number): string {
  const folders = readdirSync(os.tmpdir()).filter((name) => name.startsWith("postgres-"));
  const files = folders.map((name) => path.join(os.tmpdir(), name, "cluster", "postmaster.pid")).filter((file) => existsSync(file));
  return path.dirname(files.find((file) => readFileSync(file, "utf8").startsWith(`${pid}\n`))!);
}
