// SQLite as a file that several share: locks are waited for while the event loop turns, commits of others are noticed, migrations and
// keys hold between processes.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import type { StoreSignal } from "../../ports/store.ts";
import { changing, databasePath, looking, newRun, openFile, stageOf, starting } from "../runs.test-fixture.ts";

const creating = (runId: string) => changing(runId, { create: newRun });

describe("a file", () => {
  it("is made with its folders at first use, and not before", async () => {
    const path = databasePath("deep", "er");
    const store = openFile(path);
    expect(existsSync(path)).toBe(false);
    await store.runStore.transact(creating("r1"));
    expect(existsSync(path)).toBe(true);
  });

  it("that cannot be opened says so at first use, each time", async () => {
    const store = openFile("/dev/null/no/such.db");
    await expect(store.migrate()).rejects.toThrow();
    await expect(store.runStore.transact(creating("r1"))).rejects.toThrow();
  });

  it("keeps what was committed for whoever opens it next", async () => {
    const path = databasePath();
    const first = openFile(path);
    await first.runStore.transact(creating("r1"));
    await first.close();
    await expect(first.runStore.transact(creating("r2"))).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect((await openFile(path).runStore.transact(looking("r1"))).status).toBe("PENDING");
  });
});

describe("a lock that somebody else holds", () => {
  it("is waited for while the event loop turns", async () => {
    const path = databasePath();
    const store = openFile(path);
    await store.migrate();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 5);
    const written = store.runStore.transact(creating("r1"));
    await sleep(300);
    expect(turns).toBeGreaterThan(5);
    other.exec("COMMIT");
    other.close();
    expect(await written).toBeNull();
    clearInterval(ticking);
  });

  it("keeps a process from ending that has something to write", async () => {
    const path = databasePath();
    await openFile(path).migrate();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const exit = exitOf(creatingOneRun(path));
    await sleep(1_000);
    other.exec("COMMIT");
    other.close();
    expect(await exit).toBe(0);
    expect(await openFile(path).persistence.getRunsByStatus("PENDING")).toHaveLength(1);
  });

  it("is given up after a while, with the file's name, and the store goes on", async () => {
    const path = databasePath();
    const store = openFile(path, { lockTimeoutMs: 50 });
    await store.migrate();
    const other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    const ends = await Promise.allSettled(["r1", "r2"].map((id) => store.runStore.transact(creating(id))));
    const reasons = ends.map((end) => (end as PromiseRejectedResult).reason);
    for (const reason of reasons) expect(reason).toMatchObject({ code: "STORE_REFUSED", message: expect.stringContaining(path) });
    // reading waits for nobody
    expect((await store.persistence.getRun("r1")) ?? null).toBeNull();
    other.exec("ROLLBACK");
    other.close();
    expect(await store.runStore.transact(creating("r1"))).toBeNull();
  });
});

describe("two stores on one file", () => {
  it("hear of each other's commits (P16), and only while they listen", async () => {
    const path = databasePath();
    const [one, two] = [openFile(path), openFile(path)];
    await one.runStore.transact(creating("r0"));
    await two.migrate();
    const heard = Promise.withResolvers<StoreSignal>();
    const stop = two.runStore.onSignal((signal) => heard.resolve(signal));
    await sleep(20);
    await one.runStore.transact(creating("r1"));
    expect(await heard.promise).toEqual({ hasWork: true, hasEvents: true, mayHaveLost: true, wakeAt: null, ended: null });
    stop();
    // what one has written the other sees, whatever it remembers
    const lease = { instanceId: "i", workerId: "w", lockedAt: 0 };
    await two.runStore.transact(starting("r2", stageOf("r2", "a", { status: "RUNNING", readyAt: null, lease })));
    await one.runStore.transact(changing("r2", { run: { status: "CANCELLED" } }));
    expect(await two.runStore.transact({ runId: "r2", decide: ({ run }) => ({ result: run!.status }) })).toBe("CANCELLED");
  });

  it("write by turns and lose nothing", async () => {
    const path = databasePath();
    const stores = [openFile(path), openFile(path), openFile(path)];
    await stores[0]!.runStore.transact(creating("r1"));
    const adding = { runId: "r1", decide: ({ run }: { run: { open: number } | null }) => ({ result: null, run: { open: run!.open + 1 } }) };
    await Promise.all(
      stores.map(async ({ runStore }) => {
        for (let i = 0; i < 50; i++) await runStore.transact(adding);
      }),
    );
    expect(await stores[1]!.runStore.transact({ runId: "r1", decide: ({ run }) => ({ result: run!.open }) })).toBe(150);
  });
});

describe("migrations (P21)", () => {
  it("run once, from however many stores and processes at once", async () => {
    const path = databasePath();
    const children = Array.from({ length: 3 }, () => exitOf(creatingOneRun(path)));
    const stores = Array.from({ length: 4 }, () => openFile(path));
    await Promise.all(stores.map((store) => store.migrate()));
    expect(await Promise.all(children)).toEqual([0, 0, 0]);
    expect(await stores[0]!.persistence.getRunsByStatus("PENDING")).toHaveLength(3);
    const database = new DatabaseSync(path);
    expect(database.prepare("SELECT count(*) AS n FROM schema_migrations WHERE name = '0001-init'").get()).toEqual({ n: 1 });
    database.close();
  });
});

/** A program that opens the file, creates a run and ends. */
function creatingOneRun(path: string): string {
  const entry = pathToFileURL(new URL("../sqlite.ts", import.meta.url).pathname).href;
  return `
    const { createSqliteStore } = await import(${JSON.stringify(entry)});
    const store = createSqliteStore({ path: ${JSON.stringify(path)}, synchronous: "OFF" });
    await store.migrate();
    await store.persistence.createRun({ id: "run-" + process.pid, workflowId: "w", workflowName: "W", workflowType: "w", input: {} });
    await store.close();`;
}

function exitOf(script: string): Promise<number | null> {
  const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], { stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve) => child.on("exit", resolve));
}
