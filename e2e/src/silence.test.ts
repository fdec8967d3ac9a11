// P13, P16 where a network breaks without a word, or the database is away: how long a store on PostgreSQL goes on waiting, and what comes
// of what a worker has in its hands meanwhile.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createPostgresStore } from "@bratsos/workflow-engine/persistence/postgres";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { startPostgres } from "../../tools/postgres/server.ts";
import { createTestDatabase } from "../../tools/postgres/test-databases.ts";
import { CutProxy } from "./cut-proxy.ts";
import { linesOf } from "./journal.ts";
import { pause, until, untilEnded } from "./mixed-runs.ts";
import { openStore } from "./stores.ts";
import { type WorkerSettings, Workers } from "./workers.ts";
import { workflows } from "./workflows.ts";

const isFull = process.env["PROOF"] === "full";
const answerTimeoutMs = 1_000;
const registry = createRegistry(workflows);
const createOf = (n: number) => ({ type: "run.create", idempotencyKey: `s${n}`, workflowId: "slow", input: { n } }) as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "silence-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A store behind a proxy, on a database of its own. */
async function openProxied() {
  const { url, query, drop } = await createTestDatabase();
  const { proxy, url: place } = await CutProxy.start(url);
  const store = createPostgresStore({ connectionString: place, answerTimeoutMs });
  const close = async (): Promise<void> => {
    await store.close();
    await proxy.close();
    await drop();
  };
  return { url, query, proxy, store, close };
}

describe("silence", () => {
  it("P13: one wait finds every half-open connection, whatever was under way on each", async () => {
    const { proxy, store, close } = await openProxied();
    const kernel = createKernel({ ...store, registry });
    const createMany = (from: number) => Promise.all(Array.from({ length: 30 }, (_, i) => kernel.dispatch(createOf(from + i))));
    await createMany(0);
    const runs = (await store.reader.listRuns({}, { limit: 100 })).items;
    // no more at once than there are connections: nobody is to wait for one
    await Promise.all(runs.slice(0, 6).map(({ id }) => store.reader.getRunDetail(id)));
    const before = proxy.size;
    expect(before).toBeGreaterThan(3);
    proxy.cutAll("half-open");
    const startedAt = performance.now();
    await createMany(30);
    for (let i = 0; i < before; i++) await store.reader.getRunDetail(runs[i]!.id);
    const waitedMs = performance.now() - startedAt;
    // one after the other they would have taken `before` times as long
    if (isFull) expect(waitedMs).toBeLessThan(answerTimeoutMs * 3);
    expect((await store.reader.listRuns({}, { limit: 100 })).items).toHaveLength(60);
    const of = { promise: "P13", store: "postgres" };
    recordFigure({
      ...of,
      claim: `${before} half-open connections replaced, answerTimeoutMs 1,000`,
      figure: Math.round(waitedMs),
      unit: "ms",
    });
    await close();
  });

  it("P16: who listens on a half-open connection finds out, and hears what was said meanwhile", async () => {
    const { url, proxy, store, close } = await openProxied();
    let heard = 0;
    await store.migrate();
    const stop = store.runStore.onSignal(({ hasWork }) => {
      if (hasWork) heard += 1;
    });
    await until(() => heard > 0, "it listens");
    const other = openStore("postgres", url);
    proxy.cutAll("half-open");
    heard = 0;
    await createKernel({ ...other, registry }).dispatch(createOf(1));
    await until(() => heard > 0, "it has listened again");
    heard = 0;
    await createKernel({ ...other, registry }).dispatch(createOf(2));
    await until(() => heard > 0, "it hears");
    stop();
    await other.close();
    await close();
  });

  it("P13: a server cut off from the owner of a transaction lets go of its locks", async () => {
    const { query, proxy, store, close } = await openProxied();
    await createKernel({ ...store, registry }).dispatch(createOf(1));
    const isLocked = async (): Promise<boolean> => (await query("SELECT FROM workflow_engine.runs FOR UPDATE SKIP LOCKED")).length === 0;
    const { persistence } = store;
    const holding = persistence.withTransaction(async (tx) => {
      const [run] = (await store.reader.listRuns({}, { limit: 1 })).items;
      await tx.updateRun(run!.id, { metadata: { by: "holder" } });
      expect(await isLocked()).toBe(true);
      proxy.cutAll("half-open");
      await tx.updateRun(run!.id, { metadata: { by: "nobody" } });
    });
    await expect(holding).rejects.toThrow();
    await until(async () => !(await isLocked()), "the run is free", 10_000);
    await close();
  });
});

/** Whoever is cut off for less than its lease is not taken for dead: that takes the defaults, and so a minute. */
describe.runIf(isFull)("silence, with default settings", () => {
  it("P13: a worker cut off for 20 s in the middle of a stage of 55 s keeps its lease of 60 s", { timeout: 180_000 }, async () => {
    const { url, query, drop } = await createTestDatabase();
    const { proxy, url: place } = await CutProxy.start(url);
    const journal = join(folder, "journal");
    const workers = new Workers(journal);
    const store = openStore("postgres", url);
    try {
      const owner = await workers.start({ store: "postgres", place });
      const { workflowRunId } = await createKernel({ ...store, registry }).dispatch(createOf(55_000));
      await until(() => linesOf(journal, "run").length > 0, "the stage runs");
      await workers.start({ store: "postgres", place: url });
      // right before a heartbeat, which is the worst moment
      await pause(14_000);
      proxy.cutAll("half-open", 20_000);
      let silentMs = 0;
      while ((await store.persistence.getRunStatus(workflowRunId)) === "RUNNING") {
        const [row] = await query(
          "SELECT max((extract(epoch FROM now()) * 1000)::bigint - heartbeat_at)::int AS silent FROM workflow_engine.instances",
        );
        silentMs = Math.max(silentMs, Number(row!["silent"]));
        await pause(500);
      }
      const detail = await store.reader.getRunDetail(workflowRunId);
      expect([detail?.run.output, detail?.stages[0]?.attempt]).toEqual([{ by: owner.pid }, 1]);
      const claim = "longest silence of a worker cut off for 20 s; it kept its lease of 60 s";
      recordFigure({ promise: "P13", claim, figure: silentMs, unit: "ms", store: "postgres" });
    } finally {
      await workers.close();
      await store.close();
      await proxy.close();
      await drop();
    }
  });
});

describe("a database that is away", () => {
  it("P14: the end of a stage outlives it: nothing is executed twice", { timeout: 60_000 }, async () => {
    const server = await startPostgres({ isDurable: true });
    const { url } = await createTestDatabase(server.url);
    const journal = join(folder, "journal");
    const workers = new Workers(journal);
    const store = openStore("postgres", url);
    const lines = (what: "run" | "end"): number => linesOf(journal, what).length;
    try {
      const settings: WorkerSettings = { store: "postgres", place: url };
      await workers.start(settings);
      const kernel = createKernel({ ...store, registry });
      const ids = await Promise.all(Array.from({ length: 5 }, async (_, n) => (await kernel.dispatch(createOf(1_000 + n))).workflowRunId));
      await until(() => lines("run") === ids.length, "the stages run");
      await server.crash();
      await until(() => lines("end") === ids.length, "the stages have ended");
      await pause(4_000);
      expect(lines("end")).toBe(ids.length);
      await server.start();
      await untilEnded(store.reader, 20_000);
      for (const id of ids) {
        const detail = await store.reader.getRunDetail(id);
        expect([detail?.run.status, detail?.stages[0]?.attempt]).toEqual(["COMPLETED", 1]);
      }
      expect(lines("run")).toBe(ids.length);
      expect(workers.unaskedDeaths).toBe(0);
      const claim = "stages that ended while the server was away for 4 s, executed once";
      recordFigure({ promise: "P14", claim, figure: `${ids.length} of ${ids.length}`, store: "postgres" });
    } finally {
      await workers.close();
      await store.close();
      await server.stop();
    }
  });
});
