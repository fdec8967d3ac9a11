// P13 with real processes: a worker that is stopped past its lease and then continued writes nothing; and a locked database file
// stops neither timers nor user code (settled question 13).
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createKernel, createRegistry } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { createTestDatabase } from "../../tools/postgres/test-databases.ts";
import { auditRuns } from "./audit.ts";
import { linesOf } from "./journal.ts";
import { pause, until, untilEnded, untilPublished } from "./mixed-runs.ts";
import { openStore, type StoreName } from "./stores.ts";
import { shortLeases, Workers } from "./workers.ts";
import { workflows } from "./workflows.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "zombie-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Longer than a busy machine keeps the other worker from its heartbeat. */
const staleLeaseThresholdMs = 2_000;

/** A place of its own for each store. */
const places: Record<StoreName, () => Promise<{ place: string; drop(): Promise<void> }>> = {
  sqlite: async () => ({ place: join(folder, "runs.db"), drop: async () => undefined }),
  postgres: async () => {
    const { url, drop } = await createTestDatabase();
    return { place: url, drop };
  },
};

/** Stops a worker; not while it has the lock of a file, of which SQLite has one: until it went on, nobody would write anything. */
async function stopBetweenWrites(worker: { kill(signal: NodeJS.Signals): void }, name: StoreName, place: string): Promise<void> {
  for (;;) {
    worker.kill("SIGSTOP");
    if (name === "postgres" || !isLocked(place)) return;
    worker.kill("SIGCONT");
    await pause(20);
  }
}

function isLocked(file: string): boolean {
  const database = new DatabaseSync(file, { timeout: 100 });
  try {
    database.exec("BEGIN IMMEDIATE; ROLLBACK");
    return false;
  } catch {
    return true;
  } finally {
    database.close();
  }
}

describe("zombie", () => {
  it.each(["sqlite", "postgres"] as const)(
    "P13: a worker on %s stopped past its lease and continued writes nothing",
    { timeout: 90_000 },
    async (name) => {
      const { place, drop } = await places[name]();
      const journal = join(folder, "journal");
      const store = openStore(name, place);
      const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
      const workers = new Workers(journal);
      const settings = { store: name, place, ...shortLeases, staleLeaseThresholdMs };
      try {
        const zombie = await workers.start(settings);
        const create = async (again: number): Promise<string> => {
          const command = { type: "run.create", idempotencyKey: `z${again}`, workflowId: "slow", input: { n: 700, again } } as const;
          return (await kernel.dispatch(command)).workflowRunId;
        };
        // the zombie comes back when the other has finished one, and is at work on the other
        const [workflowRunId, underWay] = [await create(100), await create(4_000)];
        await until(() => linesOf(journal, "run").length === 2, "the stages have begun");
        await stopBetweenWrites(zombie, name, place);
        const other = await workers.start(settings);
        await until(async () => (await store.persistence.getRunStatus(workflowRunId)) === "COMPLETED", "the other worker has finished");
        const before = await store.reader.getRunDetail(workflowRunId);
        const events = await store.reader.listEvents(workflowRunId);
        zombie.kill("SIGCONT");
        await until(
          () => linesOf(journal, "end").filter((line) => line.endsWith(` ${zombie.pid}`)).length === 2,
          "the zombie has run to its end",
        );
        await untilEnded(store.reader, 20_000);
        const expected = { status: "COMPLETED", output: { by: other.pid } } as const;
        await untilPublished(store.reader, [workflowRunId, underWay]);
        expect(
          await auditRuns(
            store.reader,
            [workflowRunId, underWay].map((id) => [id, expected]),
          ),
        ).toEqual([]);
        expect(await store.reader.getRunDetail(workflowRunId)).toEqual(before);
        expect((await store.reader.listEvents(workflowRunId)).slice(0, events.length)).toEqual(events);
        recordFigure({ promise: "P13", claim: "writes of a worker stopped past its lease", figure: 0, store: name });
      } finally {
        await workers.close();
        await store.close();
        await drop();
      }
    },
  );
});

describe("a locked file", () => {
  it("P13: heartbeats, timers and user code go on while another process holds the file for 3 s", { timeout: 60_000 }, async () => {
    const path = join(folder, "runs.db");
    const store = createSqliteStore({ path });
    const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
    const create = (n: number) => kernel.dispatch({ type: "run.create", idempotencyKey: `k${n}`, workflowId: "sequential", input: { n } });
    await create(0);
    const script = `const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync(${JSON.stringify(path)});
      db.exec("BEGIN IMMEDIATE"); process.send("locked"); setTimeout(() => { db.exec("COMMIT"); process.exit(0); }, 3000);`;
    const locker = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
    try {
      await new Promise((resolve) => locker.once("message", resolve));
      let ticks = 0;
      const ticking = setInterval(() => ticks++, 20);
      const startedAt = Date.now();
      const { workflowRunId } = await create(1);
      clearInterval(ticking);
      const waitedMs = Date.now() - startedAt;
      expect(waitedMs).toBeGreaterThan(1_500);
      // a blocked event loop would have let no timer fire; half of them is far from that and kind to a busy machine
      expect(ticks).toBeGreaterThan(waitedMs / 20 / 2);
      expect(await store.persistence.getRunStatus(workflowRunId)).toBe("PENDING");
      recordFigure({
        promise: "P13",
        claim: "timers fired while the file was locked, of those due",
        figure: Math.round((ticks / (waitedMs / 20)) * 100),
        unit: "%",
        store: "sqlite",
      });
    } finally {
      locker.kill("SIGKILL");
      await store.close();
    }
  });
});
