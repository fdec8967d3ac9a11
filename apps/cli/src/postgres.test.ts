// The same commands with a PostgreSQL URL as --db: processes share the server, and its password is never to be read.
import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../../../tools/postgres/test-databases.ts";
import { CliFolder, fixturePath, jsonLines, runIdIn } from "./fixture/cli-process.ts";

const secret = "s3cret-word";

let folder: CliFolder;
let database: TestDatabase;
/** The database's URL with a password, which the server of the tests does not ask for. */
let db: string;
let shown: string;
beforeEach(async () => {
  folder = new CliFolder();
  database = await createTestDatabase();
  const url = new URL(database.url);
  if (url.password === "") url.password = secret;
  db = url.href;
  url.password = "***";
  shown = url.href;
});
afterEach(async () => {
  await folder.remove();
  await database.drop();
});

test("a worker in another process goes on with a run; show, list, events, rerun, cancel and delete find it", async () => {
  const letGo = folder.mark("gather", "hold");
  const starter = folder.start(...folder.pressArgs("--db", db));
  await expect.poll(() => folder.lines(), { timeout: 20_000 }).toContain("gather began");
  const runId = runIdIn(starter.stdout);
  starter.kill("SIGINT");
  await expect.poll(() => starter.stdout).toContain("Stopping");
  letGo();
  const interrupted = await starter.ended;
  expect(interrupted.code).toBe(130);
  expect(interrupted.stdout).toContain(`workflow-engine resume ${runId} --db '${shown}'`);

  folder.variables["WORKFLOW_ENGINE_DB"] = db;
  const worker = folder.start("worker", fixturePath("press"));
  await expect.poll(() => worker.stdout, { timeout: 20_000 }).toContain(`COMPLETED  ${runId}  press`);
  // the worker and this command share the run
  const again = await folder.run("rerun", runId, "--from", "fold");
  expect(again.stderr).toBe("");
  expect(again.code).toBe(0);
  expect(again.stdout).toMatch(new RegExp(`workflow-engine show ${runId}$`, "m")); // the variable names the database
  worker.kill("SIGTERM");
  const stopped = await worker.ended;
  expect(stopped.code).toBe(0);
  expect(folder.lines().filter((line) => line === "gather began")).toHaveLength(1);
  expect(folder.lines().filter((line) => line === "bind ended")).toHaveLength(2);

  const readers = [["show", runId], ["list"], ["events", runId, "--json"], ["resume", runId], ["cancel", runId]];
  const [show, list, events, resumed, cancelled] = await Promise.all(readers.map((args) => folder.run(...args)));
  expect(show?.stdout).toMatch(/✔ done +gather[\s\S]*"book": "Atlas"/);
  expect(list?.stdout).toMatch(new RegExp(`${runId}\\s+press\\s+COMPLETED`));
  const sequences = jsonLines(events?.stdout ?? "").map(({ sequence }) => sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  expect(resumed?.stdout).toContain("There is nothing to resume");
  expect(cancelled?.stdout).toContain("has already ended: COMPLETED");
  expect((await folder.run("delete", runId)).stdout).toBe(`Deleted run ${runId}.\n`);
  const gone = await folder.run("show", runId);
  expect(gone.code).toBe(2);
  const told = [interrupted, stopped, again, show, resumed, gone].map((ended) => `${ended?.stdout}${ended?.stderr}`).join("");
  expect(told).toContain(shown);
  expect(told).not.toContain(new URL(db).password);
});

test("serve answers from it", async () => {
  const server = folder.start("serve", fixturePath("press"), "--port", "0", "--no-token", "--db", db);
  await expect.poll(() => server.stdout, { timeout: 20_000 }).toContain(`Serving ${shown} on `);
  const [url] = /http:\/\/[\d.]+:\d+/.exec(server.stdout) ?? [];
  const response = await fetch(`${url}/runs`);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ items: [] });
  server.kill("SIGTERM");
  expect((await server.ended).code).toBe(0);
});

test("migrate says what it did, and many at once do it once", async () => {
  const before = await folder.run("list", "--db", db);
  expect(before).toMatchObject({ code: 2, stdout: "" });
  expect(before.stderr).toMatch(/does not have the tables of this version\nMake them: workflow-engine migrate --db/);
  expect(await database.query("SELECT 1 FROM pg_namespace WHERE nspname = 'workflow_engine'")).toEqual([]);

  const made = await Promise.all(Array.from({ length: 8 }, () => folder.run("migrate", "--db", db)));
  for (const { code, stdout, stderr } of made) {
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(/made the tables of the schema workflow_engine, or brought them up to date\.|is up to date\./);
  }
  expect(made.some(({ stdout }) => stdout.includes("made the tables"))).toBe(true);
  const applied = await database.query("SELECT name, count(*)::int AS n FROM workflow_engine.schema_migrations GROUP BY name");
  expect(applied.length).toBeGreaterThan(0);
  expect(applied.every(({ n }) => n === 1)).toBe(true);
  expect((await folder.run("migrate", "--db", db)).stdout).toBe(`${shown} is up to date.\n`);
  expect((await folder.run("list", "--db", db)).stdout).toBe("No runs.\n");
});

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("a server that does not answer, a database that is not there and a URL that is none are told without the password", async () => {
  const refused = `postgresql://me:${secret}@127.0.0.1:${await closedPort()}/runs`;
  const missing = new URL(db);
  missing.pathname = "/nobodys";
  const commands = [["list"], ["migrate"], ["worker", fixturePath("press")], folder.pressArgs()];
  const all = await Promise.all([
    ...commands.map((args) => folder.run(...args, "--db", refused)),
    folder.run("list", "--db", missing.href),
    folder.run("list", "--db", `postgres://me:${secret}/x@127.0.0.1/runs`),
    folder.run("list", "--db", `mysql://me:${secret}@127.0.0.1/runs`),
  ]);
  for (const { code, stdout, stderr } of all) {
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).not.toContain(secret);
    expect(stderr).not.toMatch(/^\s+at /m);
  }
  const [list, migrate, worker, run, nobodys, unreadable, other] = all.map(({ stderr }) => stderr);
  for (const text of [list, migrate, worker, run]) {
    expect(text).toMatch(/error: No connection to PostgreSQL \(127\.0\.0\.1:\d+\/runs\): .*ECONNREFUSED[\s\S]*Is the server running/);
  }
  expect(nobodys).toMatch(/database "nobodys" does not exist/);
  expect(unreadable).toMatch(/--db is not a URL like postgres:/);
  expect(other).toMatch(/--db does not know mysql databases/);
});

test("without the package pg the command says what to install", async () => {
  folder.variables["NODE_OPTIONS"] = `--import=${new URL("./fixture/without-pg.js", import.meta.url).href}`;
  const { code, stderr } = await folder.run("list", "--db", db);
  expect(stderr).toBe(`error: ${shown} needs the package "pg", which is not installed\nInstall it beside this command: npm install pg\n`);
  expect(code).toBe(2);
  expect((await folder.run("migrate")).code).toBe(0);
});
