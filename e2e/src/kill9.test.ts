// P13, P14, P18 with real processes: workers on one SQLite file are killed with SIGKILL again and again; nothing is lost or doubled.
// `npm test` runs reduced counts, `npm run prove` the full ones.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKernel, createRegistry, type Kernel } from "@bratsos/workflow-engine";
import { createSqliteStore } from "@bratsos/workflow-engine/persistence/sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordFigure } from "../../tools/figures.ts";
import { auditRun, type Expected } from "./audit.ts";
import { Workers } from "./workers.ts";
import { workflows } from "./workflows.ts";

const isFull = process.env["PROOF"] === "full";
const counts = isFull ? { runs: 500, kills: 30, everyMs: 300 } : { runs: 80, kills: 8, everyMs: 200 };
const kinds: ReadonlyArray<[workflowId: string, expected: Expected]> = [
  ["sequential", "COMPLETED"],
  ["parallel", "COMPLETED"],
  ["failing", "FAILED"],
  ["suspending", "COMPLETED"],
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "kill9-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function createRun(kernel: Kernel, workflowId: string, n: number): Promise<string> {
  const command = { type: "run.create", idempotencyKey: `${workflowId}-${n}`, workflowId, input: { n } } as const;
  return (await kernel.dispatch(command)).workflowRunId;
}

/** Waits until no run is open; tells which are when that takes too long. */
async function untilEnded(store: ReturnType<typeof createSqliteStore>, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const open = (await store.reader.countRuns()).filter(({ status }) => ["PENDING", "RUNNING", "SUSPENDED"].includes(status));
    if (open.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still open after ${timeoutMs} ms: ${JSON.stringify(open)}`);
    await pause(100);
  }
}

describe("kill -9", () => {
  it(`P14: ${counts.runs} runs on 4 workers, ${counts.kills} of them killed, all end as they should`, { timeout: 280_000 }, async () => {
    const path = join(folder, "runs.db");
    const store = createSqliteStore({ path });
    const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
    const workers = new Workers(path, join(folder, "journal"));
    try {
      await Promise.all([1, 2, 3, 4].map(() => workers.start()));
      const creating = Array.from({ length: counts.runs }, async (_, n): Promise<[string, Expected]> => {
        await pause((n / counts.runs) * counts.kills * counts.everyMs * 0.5);
        const [workflowId, expected] = kinds[n % kinds.length]!;
        return [await createRun(kernel, workflowId, n), expected];
      });
      for (let kill = 0; kill < counts.kills; kill++) {
        await pause(counts.everyMs);
        workers.kill(((kill * 7) % 4) / 4);
        void workers.start().catch(() => undefined);
      }
      const runs = await Promise.all(creating);
      await untilEnded(store, 120_000);
      await untilPublished(store, runs);
      const problems = (await Promise.all(runs.map(([runId, expected]) => auditRun(store.reader, runId, expected)))).flat();
      expect(problems).toEqual([]);
      // a kill that hits nobody at work proves little: most of them must have cost executions
      const executions = readFileSync(join(folder, "journal"), "utf8").split("\n").length - 1;
      const needed = (counts.runs / 4) * (3 + 6 + 4 + 2);
      expect(executions).toBeGreaterThan(needed + counts.kills);
      recordFigure({ promise: "P14", claim: "runs that ended as they should under SIGKILL", figure: runs.length, store: "sqlite" });
      recordFigure({ promise: "P14", claim: "workers killed", figure: counts.kills, store: "sqlite" });
      recordFigure({ promise: "P14", claim: "executions begun", figure: executions, store: "sqlite" });
    } finally {
      await workers.close();
      await store.close();
    }
  });

  it("P14: a stage that kills its process ends FAILED after maxAttempts", { timeout: 120_000 }, async () => {
    const path = join(folder, "poison.db");
    const journal = join(folder, "journal");
    const store = createSqliteStore({ path });
    const kernel = createKernel({ ...store, registry: createRegistry(workflows) });
    const workers = new Workers(path, journal, 600);
    try {
      await workers.start();
      const runId = await createRun(kernel, "poison", 1);
      await untilEnded(store, 100_000);
      const detail = await store.reader.getRunDetail(runId);
      expect(detail?.run.status).toBe("FAILED");
      expect(detail?.stages[0]).toMatchObject({ status: "FAILED", attempt: 3 });
      expect(readFileSync(journal, "utf8").trim().split("\n")).toHaveLength(3);
      expect(workers.unaskedDeaths).toBe(3);
    } finally {
      await workers.close();
      await store.close();
    }
  });
});

/** Events are published a moment after the commit they tell of. */
async function untilPublished(store: ReturnType<typeof createSqliteStore>, runs: Array<[string, Expected]>): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (const [runId] of runs) {
    for (;;) {
      const last = (await store.reader.listEvents(runId, 0, 10_000)).at(-1)?.eventType;
      if (last === "workflow:completed" || last === "workflow:failed") break;
      if (Date.now() > deadline) throw new Error(`events of ${runId} were not published: the last is ${last}`);
      await pause(50);
    }
  }
}
