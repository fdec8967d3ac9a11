// A SQLite file whose writes go through a thread: what that is to those who read, wait, close, or see it die.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { realEnvironment } from "../../environment.ts";
import type { Session } from "../db.ts";
import { migrate } from "../migrate.ts";
import { changing, databasePath, looking, newRun, openFile } from "../runs.test-fixture.ts";
import type { SqliteStore } from "../sqlite.ts";
import { createSqlStore } from "../whole-store.ts";
import { SqliteDb } from "./sqlite.ts";
import { ThreadConnection } from "./sqlite-thread-connection.ts";

const creating = (runId: string) => changing(runId, { create: newRun });
const input = { workflowId: "w", workflowName: "W", workflowType: "w", input: {} };

/** The threads that are started from now on. */
function watchThreads(): Worker[] {
  const threads = process.getBuiltinModule("node:worker_threads");
  const { Worker: Original } = threads;
  const started: Worker[] = [];
  threads.Worker = class extends Original {
    constructor(...args: ConstructorParameters<typeof Original>) {
      super(...args);
      started.push(this);
    }
  };
  onTestFinished(() => void (threads.Worker = Original));
  return started;
}

/** A store that writes everything by the thread once that runs. */
function openThreaded(path: string): SqliteStore {
  const prepare = (session: Session): Promise<void> => migrate(session, realEnvironment.now());
  const db = new SqliteDb({ path, synchronous: "OFF", threadFrom: 0, environment: realEnvironment, prepare });
  const store = createSqlStore(db, realEnvironment);
  onTestFinished(() => store.close());
  return store;
}

/** Creates runs until a thread has been started that writes them. */
async function createMany(store: SqliteStore): Promise<number> {
  const seen: unknown[] = [];
  const { run } = ThreadConnection.prototype;
  const spy = vi.spyOn(ThreadConnection.prototype, "run").mockImplementation(function (this: ThreadConnection, packed) {
    seen.push(packed);
    return run.call(this, packed);
  });
  onTestFinished(() => void spy.mockRestore());
  let created = 0;
  for (; seen.length === 0; created += 200) {
    await Promise.all(Array.from({ length: 200 }, (_, i) => store.runStore.transact(creating(`many-${created + i}`))));
    await sleep(1);
  }
  return created;
}

describe("the thread of a SQLite file", () => {
  it("is started when much is written, one a store, and ends with it", async () => {
    const threads = watchThreads();
    const path = databasePath();
    const store = openFile(path);
    expect(threads).toHaveLength(0);
    await store.runStore.transact(creating("r1"));
    expect(threads).toHaveLength(0);
    await createMany(store);
    expect(threads).toHaveLength(1);
    const ended = new Promise((resolve) => threads[0]!.on("exit", resolve));
    await store.close();
    await ended;
    // the last to close has taken everything into the file
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it("keeps no reader waiting, who sees nothing of what is not committed", async () => {
    const { persistence } = openFile(databasePath());
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: written, resolve: tellWritten } = Promise.withResolvers<void>();
    const transaction = persistence.withTransaction(async (tx) => {
      await tx.createRun({ ...input, id: "r1" });
      expect(await tx.getRun("r1")).not.toBeNull();
      tellWritten();
      await gate;
    });
    await written;
    expect(await persistence.getRun("r1")).toBeNull();
    open();
    await transaction;
    expect(await persistence.getRun("r1")).not.toBeNull();
  });

  it("undoes what is refused in the middle of a message, and goes on with the next", async () => {
    const { runStore, persistence } = openFile(databasePath());
    await runStore.transact(creating("r1"));
    const wrong = changing("r1", {
      run: { status: "RUNNING" },
      logs: [{ id: "l", stageId: null, level: null, message: "m", at: 0 } as never],
    });
    const ends = await Promise.allSettled([
      runStore.transact(wrong),
      ...["r2", "r3", "r4", "r5"].map((id) => runStore.transact(creating(id))),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled", "fulfilled", "fulfilled"]);
    expect((await runStore.transact(looking("r1"))).status).toBe("PENDING");
    expect(await persistence.getRunsByStatus("PENDING")).toHaveLength(5);
  });

  it("that dies fails those who wait for it; the next call starts another", async () => {
    const threads = watchThreads();
    const store = openThreaded(databasePath());
    const { runStore, persistence } = store;
    const created = await createMany(store);
    const held = persistence.withTransaction(async (tx) => {
      for (const id of ["lost", "lost too"]) await tx.createRun({ ...input, id });
      await threads[0]!.terminate();
      await tx.createRun({ ...input, id: "late" });
    });
    await expect(held).rejects.toMatchObject({ message: expect.stringContaining("thread of the SQLite file has ended") });
    await runStore.transact(creating("r2"));
    expect(await persistence.getRunsByStatus("PENDING")).toHaveLength(created + 1);
    await createMany(store).catch(() => undefined);
    expect(threads).toHaveLength(2);
  });

  it("keeps no process alive that has nothing to write, closed or not", async () => {
    const entry = pathToFileURL(new URL("../sqlite.ts", import.meta.url).pathname).href;
    const script = `
      const { createSqliteStore } = await import(${JSON.stringify(entry)});
      const store = createSqliteStore({ path: ${JSON.stringify(databasePath())} });
      await store.persistence.createRun({ id: "r1", workflowId: "w", workflowName: "W", workflowType: "w", input: {} });`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "inherit", "pipe"] });
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
    expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(0);
    expect(said).not.toContain("Error");
  });
});
