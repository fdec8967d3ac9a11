// What is published works where nothing but zod stands beside it: every entry is imported by a plain Node, the client bundles for a browser,
// and what an entry lacks is named when it is used.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pack, packedExport } from "./pack.ts";

const root = path.resolve(import.meta.dirname, "..");
const folder = mkdtempSync(path.join(os.tmpdir(), "packed-"));
const installed = path.join(folder, "node_modules/@bratsos/workflow-engine");

beforeAll(() => {
  const tarball = pack(path.join(root, "packages/workflow-engine"), folder);
  mkdirSync(installed, { recursive: true });
  expect(spawnSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]).status).toBe(0);
  cpSync(path.join(root, "node_modules/zod"), path.join(folder, "node_modules/zod"), { recursive: true });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module" }));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a module in the empty project. */
function run(code: string) {
  writeFileSync(path.join(folder, "try.js"), code);
  return spawnSync(process.execPath, ["try.js"], { cwd: folder, encoding: "utf8", env: { PATH: process.env["PATH"] } });
}

test("every entry is imported with only zod beside the package", () => {
  const { exports } = JSON.parse(readFileSync(path.join(installed, "package.json"), "utf8")) as { exports: Record<string, unknown> };
  const entries = Object.keys(exports).map((entry) => path.posix.join("@bratsos/workflow-engine", entry));
  expect(entries.length).toBeGreaterThanOrEqual(10);
  for (const entry of entries) {
    const { stderr, stdout } = run(`const all = await import(${JSON.stringify(entry)}); console.log(Object.keys(all).length > 0);`);
    expect([entry, stderr, stdout.trim()]).toEqual([entry, "", "true"]);
  }
});

test("the packed engine runs a workflow on SQLite", () => {
  const { stderr, stdout } = run(`
    import { z } from "zod";
    import { createKernel, createRegistry, defineStage, defineWorkflow } from "@bratsos/workflow-engine";
    import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
    const n = z.object({ n: z.number() });
    const stage = defineStage({ id: "one", name: "One", schemas: { input: n, output: n, config: z.object({}) }, execute: ({ input }) => ({ output: { n: input.n + 1 } }) });
    const store = createSqliteStore({ path: ":memory:" });
    await store.migrate();
    const kernel = createKernel({ ...store, registry: createRegistry([defineWorkflow({ id: "w", name: "w", input: n }).pipe(stage).build()]) });
    const { workflowRunId } = await kernel.dispatch({ type: "run.create", idempotencyKey: "k", workflowId: "w", input: { n: 1 } });
    const [{ jobIds }] = (await kernel.dispatch({ type: "run.claimPending", workerId: "me" })).claimed;
    const answer = await kernel.dispatch({ type: "job.execute", workflowRunId, workflowId: "w", stageId: "one", config: {} });
    console.log(jobIds.length, JSON.stringify(answer.output));
    await store.close();`);
  expect([stderr, stdout.trim()]).toEqual(["", '1 {"n":2}']);
});

test("the packed engine writes much to a SQLite file in a thread", () => {
  const { stderr, stdout } = run(`
    import { mkdtempSync, rmSync } from "node:fs";
    import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
    const threads = process.getBuiltinModule("node:worker_threads");
    const folder = mkdtempSync("packed-");
    let started = 0;
    threads.Worker = class extends threads.Worker { constructor(...given) { super(...given); started += 1; } };
    const { runStore, close } = createSqliteStore({ path: folder + "/runs.db" });
    const create = { workflowId: "w", workflowName: "W", workflowVersion: "1", priority: 5, startAt: null, input: "{}", config: "{}", metadata: null, parentRunId: null };
    const many = (at) => Promise.all(Array.from({ length: 200 }, (_, i) => runStore.transact({ runId: "r" + at + "-" + i, decide: () => ({ result: 1, create }) })));
    for (let at = 0; at < 20; at++) await many(at);
    await close();
    rmSync(folder, { recursive: true });
    console.log(started);`);
  expect([stderr, stdout.trim()]).toEqual(["", "1"]);
});

test("an entry whose peer is missing says what to install", () => {
  const { stdout } = run(`
    import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
    
    const said = async (work) => { try { await work(); return "nothing"; } catch (error) { return error.message; } };
    console.log(await said(() => createPostgresStore({ connectionString: "postgres://localhost:1/x" }).migrate()));`);
  expect(stdout).toMatch(/npm install pg/);
});

test("the client bundles for a browser", async () => {
  const { errors, warnings, metafile } = await build({
    stdin: { contents: 'export * from "@bratsos/workflow-engine/client";', resolveDir: folder },
    absWorkingDir: folder,
    bundle: true,
    platform: "browser",
    format: "esm",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  expect([errors, warnings]).toEqual([[], []]);
  const packages = Object.keys(metafile.inputs).map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? "");
  expect([...new Set(packages)].filter(Boolean).sort()).toEqual(["@bratsos/workflow-engine", "zod"]);
});

test("an export of a source becomes its script and its declarations", () => {
  expect(packedExport("./src/sql/sqlite.ts")).toEqual({ types: "./dist/sql/sqlite.d.ts", default: "./dist/sql/sqlite.js" });
});
